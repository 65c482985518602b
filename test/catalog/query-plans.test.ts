import path from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, type CompiledQuery } from 'kysely';
import { describe, expect, it } from 'vitest';
import { Catalog } from '../../catalog/catalog.js';
import { CatalogSqliteDialect } from '../../catalog/dialect.js';
import { openCatalog } from '../../catalog/open.js';
import type { Tables } from '../../catalog/tables.js';
import { ControlRoom, definition, failing, good } from '../activities/control/control-room.js';

/** Tables that grow with the jobs of all productions. */
const LARGE = ['jobs', 'attempts', 'files', 'replicas', 'job_inputs', 'transfers', 'remnants'];

/** What an alias in a statement stands for. */
function tableOf(statement: string, alias: string): string {
  const name = new RegExp(`\\b"?(\\w+)"?\\s+(?:as\\s+)?"?${alias}"?(?![\\w".])`, 'gi');
  const found = [...statement.matchAll(name)].map((match) => match[1] ?? '');
  return found.find((one) => LARGE.includes(one)) ?? alias;
}

/** Large tables that a statement reads from end to end. An index of open attempts only is as small as what is open. */
function scans(database: Database.Database, query: CompiledQuery): string[] {
  const plan = database.prepare(`explain query plan ${query.sql}`).all(...query.parameters) as {
    detail: string;
  }[];
  return plan
    .filter(({ detail }) => !detail.includes('attempts_open'))
    .flatMap(({ detail }) => /^SCAN (\w+)/.exec(detail)?.[1] ?? [])
    .filter((alias) => LARGE.includes(tableOf(query.sql, alias)));
}

describe('the statements of a production’s whole life', () => {
  it('never read a table of jobs, attempts, files or replicas from end to end', async () => {
    const seen = new Map<string, CompiledQuery>();
    const room = await ControlRoom.open(async ({ folder, clock }) => {
      const file = path.join(folder, 'catalog.db');
      const { epoch, ...opened } = await openCatalog({ file, clock });
      await opened.db.destroy();
      const database = new Database(file);
      database.pragma('foreign_keys = ON');
      const db = new Kysely<Tables>({
        dialect: new CatalogSqliteDialect(database),
        log: ({ query }) => void seen.set(query.sql, query),
      });
      return new Catalog(db, file, clock, epoch);
    });
    const ref = await room.register(definition({ events: 200 }));
    // Each third job fails once, so that retries and remnants are part of it.
    await room.complete(ref, (job, order) =>
      job.job % 3 === 0 && job.attempt === 1 ? failing()(job, order) : good(job, order),
    );
    const page = { ...ref, after: 0 };
    await room.do.filesToVerify({ ...page, block: 1, stage: 'events' });
    await room.do.filesToVerify({ ...page, block: 1, stage: 'merge' });
    await room.do.openHandles({ ...ref, block: null });
    await room.do.unknownPaths({ ...ref, storage: 'KMI-DISK', paths: ['/a'] });
    const [copy] = await room.rows<{ storage: string; path: string }>(
      'select * from replicas where file_id > 0 limit 1',
    );
    const problem = { path: copy?.path ?? '', problem: 'missing' as const, text: '' };
    await room.do.recordProblems({
      ...ref,
      block: 0,
      storage: copy?.storage ?? '',
      problems: [problem],
    });

    const database = new Database(room.catalog.file, { readonly: true });
    const statements = [...seen.values()].filter((query) =>
      /^\s*(select|insert|update|delete|with)/i.test(query.sql),
    );
    expect(statements.length).toBeGreaterThan(60);
    const found = statements.flatMap((query) =>
      scans(database, query).map((alias) => `${alias}: ${query.sql}`),
    );
    database.close();
    await room.close();
    expect(found).toEqual([]);
  });

  it('would be found out if one did', () => {
    const database = new Database(':memory:');
    database.exec('create table jobs (number integer, state text)');
    const query = (sql: string) => ({ sql, parameters: [] }) as unknown as CompiledQuery;
    expect(scans(database, query(`select * from "jobs" as "j" where j.state = 'Done'`))).toEqual([
      'j',
    ]);
    expect(scans(database, query('select number from jobs'))).toEqual(['jobs']);
    database.close();
  });
});
