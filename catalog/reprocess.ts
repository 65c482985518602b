import { sql } from 'kysely';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { invalidateFiles } from './files.js';

/**
 * Files that have no good replica left are `Invalid`, and the jobs that made them wait to run again with the same seeds. A merge job
 * whose input is gone retires (`Cancelled`), its merged file with it: its other inputs are merged anew with the repeated one.
 * Returns the numbers of the jobs that run again.
 */
export async function reprocessJobs(
  db: Db,
  production: number,
  files: readonly number[],
): Promise<number[]> {
  const ids = rowsOf(
    files.map((id) => ({ id })),
    { id: 'integer' },
  );
  const { rows: lost } = await sql<{ id: number; job: number }>`
    select f.id, f.job from files f
    where f.id in (select r.id from ${ids} as r) and f.state = 'Valid'
      and not exists (select 1 from replicas p where p.file_id = f.id and p.state = 'Available')`.execute(
    db,
  );
  if (lost.length === 0) return [];
  const jobs = [...new Set(lost.map((row) => row.job))];
  // A job makes all of its outputs again: the good ones of the same attempt go as well.
  const siblings = await db
    .selectFrom('files')
    .select('id')
    .where('production_id', '=', production)
    .where('job', 'in', jobs)
    .where('state', '=', 'Valid')
    .execute();
  const invalid = siblings.map((row) => row.id);
  await invalidateFiles(db, invalid);
  await condemnAll(db, invalid);
  await db
    .updateTable('jobs')
    .set({ state: 'Waiting', not_before: 0, charged: 0, uncharged: 0, avoid: '[]' })
    .where('production_id', '=', production)
    .where('number', 'in', jobs)
    .where('state', '=', 'Done')
    .execute();
  await retireMerges(db, production, invalid);
  return jobs;
}

async function condemnAll(db: Db, files: readonly number[]): Promise<void> {
  if (files.length === 0) return;
  await db
    .updateTable('replicas')
    .set({ state: 'Removing' })
    .where('file_id', 'in', [...files])
    .execute();
}

async function retireMerges(db: Db, production: number, inputs: readonly number[]): Promise<void> {
  if (inputs.length === 0) return;
  const merges = await db
    .selectFrom('job_inputs')
    .select('job')
    .distinct()
    .where('production_id', '=', production)
    .where('file_id', 'in', [...inputs])
    .execute();
  const numbers = merges.map((row) => row.job);
  if (numbers.length === 0) return;
  await db
    .deleteFrom('job_inputs')
    .where('production_id', '=', production)
    .where('job', 'in', numbers)
    .execute();
  await db
    .updateTable('jobs')
    .set({ state: 'Cancelled' })
    .where('production_id', '=', production)
    .where('number', 'in', numbers)
    .where('state', 'in', ['Waiting', 'Done', 'Parked'])
    .execute();
  const outputs = await db
    .selectFrom('files')
    .select('id')
    .where('production_id', '=', production)
    .where('job', 'in', numbers)
    .where('kind', '=', 'merged')
    .where('state', '=', 'Valid')
    .execute();
  const ids = outputs.map((row) => row.id);
  await invalidateFiles(db, ids);
  await condemnAll(db, ids);
}
