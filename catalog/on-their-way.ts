import { sql } from 'kysely';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import type { BlockKey } from './blocks.js';

/** Directories on a storage that are to be removed as a whole. */
export async function condemnedTrees(db: Db, storage: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom('remnants')
    .select('path')
    .where('storage', '=', storage)
    .where('shape', '=', 'tree')
    .execute();
  return new Set(rows.map((row) => row.path));
}

/** Blocks whose attempts may still claim themselves. */
export async function claimingBlocks(db: Db): Promise<BlockKey[]> {
  const rows = await db
    .selectFrom('blocks')
    .select(['production_id as production', 'number as block'])
    .where('state', 'not in', ['Finished', 'Discarded'])
    .execute();
  return rows;
}

/** Of these LFNs those that may be on their way to a storage: a copy is wanted there, or their production is live. */
export async function wantedFiles(
  db: Db,
  storage: string,
  lfns: readonly string[],
  live: readonly string[],
): Promise<Set<string>> {
  if (lfns.length === 0) return new Set();
  const rows = rowsOf(
    lfns.map((lfn) => ({ lfn })),
    { lfn: 'text' },
  );
  const states = rowsOf(
    live.map((state) => ({ state })),
    { state: 'text' },
  );
  const { rows: wanted } = await sql<{ lfn: string }>`
    select f.lfn from ${rows} as r join files f on f.lfn = r.lfn
    where f.state = 'Valid' and (
      exists (select 1 from transfers t where t.file_id = f.id and t.destination = ${storage} and t.state = 'Waiting')
      or exists (select 1 from productions p where p.id = f.production_id and p.state in (select s.state from ${states} as s)))`.execute(
    db,
  );
  return new Set(wanted.map((row) => row.lfn));
}

/** The production of a file that is catalogued in the same directory; null if there is none. Directories of files hold no directories. */
export async function neighbourOf(db: Db, lfn: string): Promise<number | null> {
  const directory = lfn.slice(0, lfn.lastIndexOf('/') + 1);
  const row = await db
    .selectFrom('files')
    .select(['lfn', 'production_id'])
    .where('lfn', '>', directory)
    .where('lfn', '<', `${directory.slice(0, -1)}0`)
    .orderBy('lfn')
    .limit(1)
    .executeTakeFirst();
  return row?.lfn.includes('/', directory.length) === false ? row.production_id : null;
}
