import { sql } from 'kysely';
import type { Db } from './catalog.js';

/** The activity of a workflow that makes a change, as Temporal names it. */
export interface Author {
  readonly workflowId: string;
  readonly runId: string;
  /** Activities of a run are numbered in the order in which it schedules them. */
  readonly activity: number;
}

/** The last activity of a workflow that has changed the catalog, and when. */
export interface LastChange extends Author {
  readonly at: number;
}

/** Counts a change, in its transaction: by this number it is known which of two copies of a catalog is the older one. */
export async function countChange(db: Db, author: Author | null, now: number): Promise<void> {
  await sql`
    insert into meta (key, value) values ('changes', '1')
    on conflict (key) do update set value = cast(cast(meta.value as integer) + 1 as text)`.execute(
    db,
  );
  if (author === null) return;
  const last: LastChange = { ...author, at: now };
  await sql`
    insert into meta (key, value) values ('last-change', ${JSON.stringify(last)})
    on conflict (key) do update set value = excluded.value`.execute(db);
}

/** The last change by a workflow; null if there was none. */
export async function lastChange(db: Db): Promise<LastChange | null> {
  const row = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'last-change')
    .executeTakeFirst();
  return row === undefined ? null : (JSON.parse(row.value) as LastChange);
}
