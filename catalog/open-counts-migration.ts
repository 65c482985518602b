import { sql, type Kysely } from 'kysely';
import { expectManyRows } from './plan-statistics.js';

/**
 * Bundles count their open attempts: how full the sites are is told by some hundred bundles, not by all attempts that are there. And only the jobs
 * that wait are in an index by their state, so that other changes of state leave the indexes alone.
 */
export async function countOpenAttempts(db: Kysely<unknown>): Promise<void> {
  for (const statement of [
    'alter table bundles add column open integer not null default 0',
    `update bundles set open = (
       select count(*) from attempts a where a.bundle = bundles.id and a.state in ('Submitted', 'Running'))`,
    'create index bundles_open on bundles (site, production_id, open) where open > 0',
    // A file is looked for here when its row changes.
    'create index bundles_by_log on bundles (log_file) where log_file is not null',
    'drop index attempts_open',
    'drop index jobs_by_block',
    'create index jobs_by_block on jobs (production_id, block, kind)',
    `create index jobs_waiting on jobs (production_id, block, kind, number) where state = 'Waiting'`,
  ]) {
    await sql.raw(statement).execute(db);
  }
  await expectManyRows(db);
}
