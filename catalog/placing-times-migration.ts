import { sql, type Kysely } from 'kysely';

/** Bundles are found by the time when they were placed, to count those of the last minute. */
export async function addPlacingTimes(db: Kysely<unknown>): Promise<void> {
  await sql`create index bundles_by_time on bundles (placed_at)`.execute(db);
}
