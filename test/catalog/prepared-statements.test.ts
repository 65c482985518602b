import Database from 'better-sqlite3';
import { sql, Kysely } from 'kysely';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CatalogSqliteDialect } from '../../catalog/dialect.js';

interface Shelf {
  books: { id: number; title: string };
}

let database: Database.Database;
let db: Kysely<Shelf>;
beforeEach(async () => {
  database = new Database(':memory:');
  db = new Kysely<Shelf>({ dialect: new CatalogSqliteDialect(database) });
  await sql`create table books (id integer primary key, title text)`.execute(db);
});
afterEach(() => db.destroy());

const titled = (title: string): Promise<Shelf['books'][]> =>
  db.selectFrom('books').selectAll().where('title', '=', title).execute();

test('a text is prepared once, whatever its values', async () => {
  const prepare = vi.spyOn(database, 'prepare');
  for (const title of ['a', 'b', 'c']) {
    await db
      .transaction()
      .execute((all) => all.insertInto('books').values({ id: 0, title }).execute())
      .catch(() => undefined);
    await titled(title);
  }
  const texts = prepare.mock.calls.map(([text]) => text);
  expect(texts.length).toBeGreaterThan(3);
  expect(new Set(texts).size).toBe(texts.length);
});

test('a statement sees columns that came after it was prepared', async () => {
  await db.insertInto('books').values({ id: 1, title: 'a' }).execute();
  expect(await titled('a')).toEqual([{ id: 1, title: 'a' }]);
  await sql`alter table books add column pages integer not null default 7`.execute(db);
  expect(await titled('a')).toEqual([{ id: 1, title: 'a', pages: 7 }]);
});

test('only so many stay prepared', async () => {
  const prepare = vi.spyOn(database, 'prepare');
  const ask = (n: number) => sql.raw(`select ${n} as n`).execute(db);
  for (let n = 0; n < 501; n++) await ask(n);
  await ask(500);
  expect(prepare).toHaveBeenCalledTimes(501);
  await ask(0);
  expect(prepare).toHaveBeenCalledTimes(502);
});

test('rows are as the driver would give them', async () => {
  await sql`alter table books add column cover blob`.execute(db);
  await sql`insert into books values (1, null, x'00ff'), (2, 'b', null)`.execute(db);
  const text = 'select id, title, cover, id / 4.0 as part, count(*) over () from books order by id';
  const { rows } = await sql.raw(text).execute(db);
  expect(rows).toEqual(database.prepare(text).all());
  expect(await db.deleteFrom('books').returning('id').execute()).toEqual([{ id: 1 }, { id: 2 }]);
});
