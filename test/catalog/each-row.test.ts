import Database from 'better-sqlite3';
import { sql, Kysely } from 'kysely';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Db } from '../../catalog/catalog.js';
import { CatalogSqliteDialect } from '../../catalog/dialect.js';
import { eachRow, insertRows } from '../../catalog/each-row.js';

let database: Database.Database;
let db: Kysely<{ books: { id: number; title: string } }>;
beforeEach(async () => {
  database = new Database(':memory:');
  db = new Kysely({ dialect: new CatalogSqliteDialect(database) });
  await sql`create table books (id integer primary key, title text)`.execute(db);
});
afterEach(() => db.destroy());

const INSERT = 'insert into books (id, title) values (?, ?)';
// Any database will do: the statements name their tables themselves.
const asCatalog = (given: unknown): Db => given as Db;
const books = () => db.selectFrom('books').selectAll().orderBy('id').execute();

test('a statement runs once for each row, in their order, and is prepared once', async () => {
  const prepare = vi.spyOn(database, 'prepare');
  await eachRow(asCatalog(db), INSERT, [
    [1, 'a'],
    [2, 'b'],
  ]);
  await eachRow(asCatalog(db), INSERT, [[3, null]]);
  expect(prepare.mock.calls.filter(([text]) => text === INSERT)).toHaveLength(1);
  expect(await books()).toEqual([
    { id: 1, title: 'a' },
    { id: 2, title: 'b' },
    { id: 3, title: null },
  ]);
});

test('without rows nothing is asked of the database', async () => {
  const prepare = vi.spyOn(database, 'prepare');
  await eachRow(asCatalog(db), INSERT, []);
  expect(prepare).not.toHaveBeenCalled();
});

test('a row that is refused takes all rows of its transaction with it', async () => {
  const write = db.transaction().execute((all) =>
    eachRow(asCatalog(all), INSERT, [
      [1, 'a'],
      [1, 'again'],
    ]),
  );
  await expect(write).rejects.toThrow('UNIQUE');
  expect(await books()).toEqual([]);
});

test('rows are inserted in their order by two statements, however many there are', async () => {
  const prepare = vi.spyOn(database, 'prepare');
  const rows = Array.from({ length: 105 }, (_, i) => [i + 1, `book ${i + 1}`]);
  for (const count of [0, 1, 19, 20, 105]) {
    await sql`delete from books`.execute(db);
    const insert = { into: 'books (id, title)', values: '(?, ?)' };
    await insertRows(asCatalog(db), insert, rows.slice(0, count));
    expect(await books()).toEqual(rows.slice(0, count).map(([id, title]) => ({ id, title })));
  }
  expect(prepare.mock.calls.filter(([text]) => text.startsWith('insert'))).toHaveLength(2);
});
