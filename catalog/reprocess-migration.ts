import { sql, type Kysely } from 'kysely';
import { guardTransitions } from './transition-guards.js';

/** Blocks in `Clearing` and audited productions may be reprocessed, and a person may end jobs that run. */
export async function prepareReprocessing(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('jobs')
    .addColumn('killed', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createIndex('jobs_killed')
    .on('jobs')
    .columns(['production_id', 'number'])
    .where(sql<boolean>`killed = 1 and state in ('Submitted', 'Running')`)
    .execute();
  await guardTransitions(db);
}
