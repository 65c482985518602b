import type { Db } from '../catalog.js';
import type { EventLine } from './production-view.js';

/** Entries of a production's log after the given id, oldest first, at most 200. */
export async function logSince(db: Db, production: number, after: number): Promise<EventLine[]> {
  return db
    .selectFrom('events')
    .select(['id', 'at', 'who', 'block', 'what', 'why'])
    .where('production_id', '=', production)
    .where('id', '>', after)
    .orderBy('id')
    .limit(200)
    .execute();
}

/** The id of the newest entry of a production's log; 0 if there is none. */
export async function lastLogId(db: Db, production: number): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select((eb) => eb.fn.max<number | null>('id').as('id'))
    .where('production_id', '=', production)
    .executeTakeFirst();
  return row?.id ?? 0;
}
