import { sql } from 'kysely';
import type { ProductionState } from '../domain/states/production.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { isNoneOf, type ReplacedInput } from './replaced-inputs.js';

/** Productions that have ended, or are being ended: they read nothing more. */
const READ_NOTHING: readonly ProductionState[] = [
  ...['Completed', 'Rejected', 'Cancelling', 'Cancelled', 'Cleaning', 'Cleaned', 'Archived'],
] as ProductionState[];

/** Productions that still read files of this one. */
export async function readersOf(
  db: Db,
  source: number,
): Promise<{ name: string; state: string }[]> {
  return db
    .selectFrom('production_sources as s')
    .innerJoin('productions as p', 'p.id', 's.production_id')
    .select(['p.name', 'p.state'])
    .where('s.source_id', '=', source)
    .where('p.state', 'not in', [...READ_NOTHING])
    .orderBy('p.name')
    .execute();
}

/** Of these files of a production: how many others still read, one of them, and by whom; null if none. */
export async function readAmong(
  db: Db,
  lfns: readonly string[],
): Promise<{ files: number; lfn: string; name: string; state: string } | null> {
  const rows = rowsOf(
    lfns.map((lfn) => ({ lfn })),
    { lfn: 'text' },
  );
  const nothing = sql.join(READ_NOTHING.map((state) => sql.lit(state)));
  const found = await sql<{ files: number; lfn: string; name: string; state: string }>`
    select count(distinct f.id) as files, min(f.lfn) as lfn, p.name, p.state
    from ${rows} as r
    join files f on f.lfn = r.lfn
    join production_inputs i on i.file_id = f.id
    join productions p on p.id = i.production_id
    where p.state not in (${nothing})
    group by p.id order by p.id limit 1`.execute(db);
  return found.rows[0] ?? null;
}

/** What a production reads and has no good copy any more, `replaced` left out: how many files, and one of them. */
export async function goneInputs(
  db: Db,
  production: number,
  replaced: readonly ReplacedInput[] = [],
): Promise<{ files: number; lfn: string }> {
  const { rows } = await sql<{ files: number; lfn: string | null }>`
    select count(*) as files, min(f.lfn) as lfn
    from production_inputs i join files f on f.id = i.file_id
    where i.production_id = ${production}
      and not exists (select 1 from replicas c where c.file_id = f.id and c.state = 'Available' and f.state = 'Valid')
      and ${isNoneOf(replaced)}`.execute(db);
  return { files: Number(rows[0]?.files ?? 0), lfn: rows[0]?.lfn ?? '' };
}
