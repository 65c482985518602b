import { sql } from 'kysely';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';

/**
 * Gives a block up. Jobs that are not done are `Cancelled` and copies that wait as well. With `remnants` the files of the
 * block stay; with `everything` they are `Invalid` and all their replicas condemned, and the sandboxes that nobody else uses.
 */
export async function condemnBlock(
  db: Db,
  key: BlockKey,
  scope: 'remnants' | 'everything',
  now: number,
): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ state: 'Cancelled' })
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('state', 'in', ['Waiting', 'Parked'])
    .execute();
  await db
    .updateTable('transfers')
    .set({ state: 'Cancelled', updated_at: now })
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('state', '=', 'Waiting')
    .execute();
  if (scope === 'remnants') return;
  await sql`
    update replicas set state = 'Removing'
    where file_id in (select f.id from files f join jobs j on j.production_id = f.production_id and j.number = f.job
                      where j.production_id = ${key.production} and j.block = ${key.block})`.execute(
    db,
  );
  await sql`
    update files set state = 'Invalid'
    where state = 'Valid'
      and id in (select f.id from files f join jobs j on j.production_id = f.production_id and j.number = f.job
                 where j.production_id = ${key.production} and j.block = ${key.block})`.execute(db);
  await sql`
    update jobs set state = 'Cancelled'
    where production_id = ${key.production} and block = ${key.block} and state in ('Done', 'Waived')`.execute(
    db,
  );
}
