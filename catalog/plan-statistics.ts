import { sql, type Kysely } from 'kysely';
import { rowsOf } from './dialect.js';

/**
 * How many rows SQLite is to expect: of each table in all, then for each value of an index' first column, its first two, and so on. Those of a
 * large catalog, for a small one is fast with any plan. Without them SQLite takes a production for ten jobs, and reads all of them
 * where it should look one up. Form: `sqlite_stat1` of SQLite, in which a table that lies in the
 * order of its keys stands for its first index.
 */
const STATISTICS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  blocks: { sqlite_autoindex_blocks_1: '20000 100 1' },
  jobs: {
    jobs: '10000000 100000 1',
    jobs_by_block: '10000000 100000 5000 4000',
    jobs_waiting: '200000 20000 2000 2000 1',
    jobs_by_origin: '10000 100 2',
    jobs_killed: '100 10 1',
  },
  bundles: {
    bundles_by_ticket: '50000 500 20 2',
    bundles_uncleared: '1000 50 5',
    bundles_open: '1000 20 2 1',
    bundles_by_log: '50000 1',
  },
  attempts: {
    attempts: '12000000 120000 2 1',
    attempts_failed: '1000000 20000 5000 100',
    attempts_failed_at: '1000000 2 1',
    attempts_by_bundle: '12000000 200',
  },
  files: {
    sqlite_autoindex_files_1: '12000000 1',
    files_by_job: '12000000 100000 2',
    files_present: '200000 10000 1000',
    files_logs: '100000 2',
  },
  replicas: {
    replicas: '500000 2 1',
    sqlite_autoindex_replicas_2: '500000 10000 1',
    replicas_removing: '10000 500',
  },
  job_inputs: {
    job_inputs: '10000000 100000 100 1',
    job_inputs_by_file: '10000000 1',
  },
  production_inputs: {
    sqlite_autoindex_production_inputs_1: '2000000 50000 40000 1',
    production_inputs_by_file: '2000000 2',
  },
  production_sources: {
    sqlite_autoindex_production_sources_1: '2000 4 1',
    production_sources_by_source: '2000 4',
  },
  listed_inputs: {
    sqlite_autoindex_listed_inputs_1: '1000000 100000 1',
    listed_inputs_by_age: '1000000 10000',
  },
  file_parents: {
    file_parents: '10000000 100 1',
    file_parents_by_parent: '10000000 1',
  },
  transfers: {
    transfers_by_block: '200000 2000 100 50',
    transfers_by_file: '200000 2',
  },
  remnants: {
    sqlite_autoindex_remnants_1: '100000 1000 1',
    remnants_by_production: '100000 2000 500 200',
    remnants_by_storage: '100000 1000 1',
  },
};

/** Migration. Queries are planned as for a large catalog, whatever it holds. */
export async function expectManyRows(db: Kysely<unknown>): Promise<void> {
  // Makes the table.
  await sql`analyze meta`.execute(db);
  const rows = Object.entries(STATISTICS).flatMap(([tbl, indexes]) =>
    Object.entries(indexes).map(([idx, stat]) => ({ tbl, idx, stat })),
  );
  await sql`delete from sqlite_stat1`.execute(db);
  await sql`
    insert into sqlite_stat1 (tbl, idx, stat)
    select r.tbl, r.idx, r.stat from ${rowsOf(rows, { tbl: 'text', idx: 'text', stat: 'text' })} as r`.execute(
    db,
  );
  // Has them read.
  await sql`analyze sqlite_schema`.execute(db);
}
