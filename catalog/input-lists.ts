import { sql } from 'kysely';
import type { ListedFile } from '../domain/input-list.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** What a stored list is called while its lines are in the catalog: productions do not share them. */
export function stagedList(production: string, lfn: string): string {
  return `${production} ${lfn}`;
}

/** Takes in a part of a list; the same part again changes nothing. */
export async function stageLines(
  db: Db,
  list: string,
  files: readonly ListedFile[],
  now: number,
): Promise<void> {
  const rows = rowsOf(
    files.map((file) => ({ ...file })),
    { line: 'integer', lfn: 'text' },
  );
  await sql`
    insert into listed_inputs (list, line, lfn, staged_at)
    select ${list}, r.line, r.lfn, ${now} from ${rows} as r where true
    on conflict (list, line) do update set lfn = excluded.lfn, staged_at = excluded.staged_at`.execute(
    db,
  );
}

/** Forgets a list, and all that were left behind before a time, ms. */
export async function forgetLists(db: Db, lists: readonly string[], before: number): Promise<void> {
  if (lists.length > 0) await db.deleteFrom('listed_inputs').where('list', 'in', lists).execute();
  await db.deleteFrom('listed_inputs').where('staged_at', '<', before).execute();
}
