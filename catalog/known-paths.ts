import { sql } from 'kysely';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** Which of these paths on a storage the catalog can explain: replicas in any state, and remnants that wait to be removed. */
export async function knownPaths(
  db: Db,
  storage: string,
  paths: readonly string[],
): Promise<Set<string>> {
  const rows = rowsOf(
    paths.map((path) => ({ path })),
    { path: 'text' },
  );
  const { rows: known } = await sql<{ path: string }>`
    select r.path from ${rows} as r
    where exists (select 1 from replicas p where p.storage = ${storage} and p.path = r.path)
       or exists (select 1 from remnants m where m.storage = ${storage} and m.path = r.path)`.execute(
    db,
  );
  return new Set(known.map((row) => row.path));
}
