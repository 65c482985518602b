import type { Db } from './catalog.js';

/** What a backup tells of itself, in `meta`: a catalog that holds it has been restored, and is not the one that was worked with last. */
export interface BackupNote {
  /** When it was begun, ms since 1970; it holds what was so then. */
  readonly at: number;
  readonly epoch: string;
  /** Number of the last entry of the event log; 0 if there is none. */
  readonly event: number;
}

/** The note of a backup; null in a catalog that is none. */
export async function noteOf(db: Db): Promise<BackupNote | null> {
  const row = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'backup')
    .executeTakeFirst();
  return row === undefined ? null : (JSON.parse(row.value) as BackupNote);
}
