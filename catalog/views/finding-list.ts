import { sql } from 'kysely';
import type { FindingKind, FindingState, Remedy, SweepState } from '../../domain/sweep.js';
import type { Db } from '../catalog.js';

/** Something that a sweep has found wrong. Times in ms since 1970, size in bytes. */
export interface FindingLine {
  readonly storage: string;
  readonly path: string;
  readonly kind: FindingKind;
  readonly state: FindingState;
  readonly production: string | null;
  readonly lfn: string | null;
  readonly size: number | null;
  readonly why: string;
  readonly remedy: Remedy;
  readonly foundAt: number;
  readonly updatedAt: number;
}

/** Findings on these storages that are open, or were repaired by these sweeps; of one production only, unless it is undefined. */
export async function listFindings(
  db: Db,
  filter: {
    readonly storages: readonly string[];
    readonly production?: number | undefined;
    readonly repairedSince?: number | undefined;
    readonly limit: number;
  },
): Promise<{ findings: FindingLine[]; more: boolean }> {
  const { limit, production, repairedSince, storages } = filter;
  const rows = await db
    .selectFrom('findings as n')
    .leftJoin('productions as p', 'p.id', 'n.production_id')
    .leftJoin('files as f', 'f.id', 'n.file_id')
    .select([
      ...(['n.storage', 'n.path', 'n.kind', 'n.state', 'n.size', 'n.why', 'n.remedy'] as const),
      ...(['p.name as production', 'f.lfn'] as const),
      ...(['n.found_at as foundAt', 'n.updated_at as updatedAt'] as const),
    ])
    .where('n.storage', 'in', [...storages])
    .where((eb) =>
      eb.or([
        eb('n.state', '=', 'Open'),
        ...(repairedSince === undefined
          ? []
          : [eb.and([eb('n.state', '=', 'Repaired'), eb('n.updated_at', '>=', repairedSince)])]),
      ]),
    )
    .$if(production !== undefined, (query) => query.where('n.production_id', '=', production ?? 0))
    .orderBy('n.storage')
    .orderBy('n.path')
    .limit(limit + 1)
    .execute();
  return { findings: rows.slice(0, limit), more: rows.length > limit };
}

/** How a storage stands: its last sweep of everything, and what is open. */
export interface SweptStorage {
  readonly storage: string;
  /** Null if it has never been swept. */
  readonly state: SweepState | null;
  readonly startedAt: number | null;
  readonly reason: string;
  readonly open: number;
}

export async function sweptStorages(db: Db): Promise<SweptStorage[]> {
  const { rows } = await sql<SweptStorage>`
    select s.name as storage, w.state, w.started_at as startedAt, coalesce(w.reason, '') as reason,
           (select count(*) from findings n where n.storage = s.name and n.state = 'Open') as open
    from storages s
    left join sweeps w on w.id = (
      select max(x.id) from sweeps x where x.storage = s.name and x.production_id is null)
    order by s.name`.execute(db);
  return rows;
}
