import { sql } from 'kysely';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { isWaiting, STAGE_KINDS } from './jobs.js';

/** Waiting jobs of a block that may not go yet, and when the first of them may (ms; null if none waits so). */
export async function jobsInBackoff(
  db: Db,
  key: BlockKey,
  now: number,
): Promise<{ jobs: number; from: number | null }> {
  const row = await db
    .selectFrom('jobs')
    .select((eb) => [
      eb.fn.countAll<number>().as('jobs'),
      eb.fn.min<number | null>('not_before').as('from'),
    ])
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('kind', 'in', [...STAGE_KINDS.events, ...STAGE_KINDS.merge])
    .where(isWaiting)
    // The plus has SQLite find the jobs of the block, which are few.
    .where(sql<boolean>`+not_before > ${now}`)
    .executeTakeFirstOrThrow();
  return { jobs: Number(row.jobs), from: row.from };
}
