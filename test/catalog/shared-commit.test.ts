import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Kysely, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { CatalogSqliteDialect } from '../../catalog/dialect.js';
import { SharedCommit } from '../../catalog/shared-commit.js';
import type { Tables } from '../../catalog/tables.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

/** A database with a table of numbers, what others see of it, and how often it has been committed. */
function numbers() {
  const file = path.join(temporaryFolder(), 'numbers.db');
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.exec('create table numbers (n integer primary key)');
  const other = new Database(file, { readonly: true });
  const statements: string[] = [];
  const db = new Kysely<Tables>({
    dialect: new CatalogSqliteDialect(database),
    log: ({ query }) => {
      statements.push(query.sql);
    },
  });
  return {
    commits: new SharedCommit(db),
    database,
    seen: () => other.prepare('select n from numbers order by n').pluck().all(),
    commitCount: () => statements.filter((text) => text === 'commit').length,
  };
}

describe('writes at the same time', () => {
  it('share commits, each sees those before it, and all are durable when they are told so', async () => {
    const { commits, commitCount, seen } = numbers();
    const told = Array.from({ length: 50 }, async (_, n) => {
      const before = await commits.run(async (db) => {
        const { rows } = await sql<{ n: number }>`select count(*) as n from numbers`.execute(db);
        await sql`insert into numbers values (${n})`.execute(db);
        return rows[0]?.n;
      });
      expect(before).toBe(n);
      expect(seen()).toContain(n);
    });
    await Promise.all(told);
    expect(commitCount()).toBe(3);
  });

  it('that come while others are written go with them', async () => {
    const { commits, commitCount } = numbers();
    const second: Promise<unknown>[] = [];
    await commits.run(async (db) => {
      await setImmediate();
      second.push(commits.run((same) => sql`insert into numbers values (2)`.execute(same)));
      await sql`insert into numbers values (1)`.execute(db);
    });
    await Promise.all(second);
    expect(commitCount()).toBe(1);
  });

  it('fail alone, and leave nothing', async () => {
    const { commits, seen } = numbers();
    const results = await Promise.allSettled(
      [1, 2, 1, 3, 4].map((n) =>
        commits.run(async (db) => {
          await sql`insert into numbers values (${n * 10})`.execute(db);
          await sql`insert into numbers values (${n})`.execute(db);
          if (n === 3) throw new Error('by itself');
        }),
      ),
    );
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([
      ...[true, true, false, false, true],
    ]);
    expect(seen()).toEqual([1, 2, 4, 10, 20, 40]);
  });

  it('fail together when the database gives the transaction up, and later ones go on', async () => {
    const { commits, database, seen } = numbers();
    const results = await Promise.allSettled([
      commits.run((db) => sql`insert into numbers values (1)`.execute(db)),
      commits.run(async () => {
        database.exec('rollback');
        return Promise.reject(new Error('the disk is full'));
      }),
    ]);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { message: 'the disk is full' } },
      { status: 'rejected', reason: { message: 'the disk is full' } },
    ]);
    await commits.run((db) => sql`insert into numbers values (5)`.execute(db));
    expect(seen()).toEqual([5]);
  });
});
