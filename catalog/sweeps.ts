import { sql, type Selectable } from 'kysely';
import type { FindingKind, FindingState, Remedy } from '../domain/sweep.js';
import type { BlockState } from '../domain/states/block.js';
import type { FileKind, FileState } from '../domain/states/file.js';
import type { ProductionState } from '../domain/states/production.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import type { FindingTable, SweepTable } from './tables.js';

export type SweepRow = Selectable<SweepTable>;
export type FindingRow = Selectable<FindingTable>;

/** Begins a sweep; one of the same storage that was cut off has failed. */
export async function insertSweep(
  db: Db,
  sweep: Pick<
    SweepRow,
    'storage' | 'production_id' | 'checksums' | 'repair' | 'who' | 'started_at'
  >,
): Promise<number> {
  await db
    .updateTable('sweeps')
    .set({ state: 'Failed', ended_at: sweep.started_at, reason: 'it was cut off' })
    .where('storage', '=', sweep.storage)
    .where('state', '=', 'Running')
    .execute();
  const { id } = await db
    .insertInto('sweeps')
    .values({
      ...sweep,
      ...{ state: 'Running', ended_at: null, files: 0, foreign_files: 0, reason: '' },
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

export async function getSweep(db: Db, id: number): Promise<SweepRow> {
  return db.selectFrom('sweeps').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** Catalogued, and to be on a storage between two paths. */
export interface ExpectedFile {
  readonly path: string;
  readonly size: number;
  readonly adler32: string;
  readonly file: number;
  readonly production: number | null;
}

/** What should lie on a storage behind `after`, up to and with `last`; of one production only, unless null. */
export async function expectedFiles(
  db: Db,
  storage: string,
  range: { after: string; last: string; production: number | null },
): Promise<ExpectedFile[]> {
  return db
    .selectFrom('replicas')
    .innerJoin('files', 'files.id', 'replicas.file_id')
    .select([
      'replicas.path',
      'files.size',
      'files.adler32',
      'files.id as file',
      'files.production_id as production',
    ])
    .where('replicas.storage', '=', storage)
    .where('replicas.path', '>', range.after)
    .where('replicas.path', '<=', range.last)
    .where('replicas.state', '=', 'Available')
    .$if(range.production !== null, (query) =>
      query.where('files.production_id', '=', range.production),
    )
    .execute();
}

export type NewFinding = Pick<
  FindingRow,
  'path' | 'kind' | 'production_id' | 'file_id' | 'size' | 'why' | 'found_at'
>;

/** Notes suspicions. What is open already stays open; an unknown file counts from when it was first seen. */
export async function suspect(
  db: Db,
  at: { storage: string; sweep: number; now: number },
  findings: readonly NewFinding[],
): Promise<void> {
  if (findings.length === 0) return;
  const rows = rowsOf(
    findings.map((one) => ({ ...one })),
    {
      ...{ path: 'text', kind: 'text', production_id: 'integer', file_id: 'integer' },
      ...{ size: 'integer', why: 'text', found_at: 'integer' },
    } as const,
  );
  await sql`
    insert into findings (storage, path, kind, state, sweep, production_id, file_id, size, why, remedy, found_at, updated_at)
    select ${at.storage}, r.path, r.kind, 'Suspected', ${at.sweep}, r.production_id, r.file_id, r.size, r.why, 'wait', r.found_at, ${at.now}
    from ${rows} as r where true
    on conflict (storage, path) do update set
      kind = excluded.kind, sweep = excluded.sweep, size = excluded.size, file_id = excluded.file_id,
      production_id = excluded.production_id, updated_at = excluded.updated_at,
      state = case when findings.state = 'Repaired' then 'Suspected' else findings.state end,
      found_at = case when findings.state = 'Repaired' then excluded.found_at else min(findings.found_at, excluded.found_at) end`.execute(
    db,
  );
}

/** A finding with what its file is, and where its replica stands. */
export interface FindingView extends FindingRow {
  readonly lfn: string | null;
  readonly file_kind: FileKind | null;
  readonly file_state: FileState | null;
  readonly file_size: number | null;
  readonly adler32: string | null;
  readonly replica: string | null;
  readonly copies: number;
  readonly production: ProductionState | null;
  readonly block: BlockState | null;
  /** How many copies its production wants of its final files; null if it belongs to none. */
  readonly wanted_copies: number | null;
  /** A good replica elsewhere; null if there is none. */
  readonly source: string | null;
  readonly source_path: string | null;
}

/** Findings on a storage in these states, those after a path, in order; of one production only, unless null. */
export async function findingsOn(
  db: Db,
  storage: string,
  page: {
    states: readonly FindingState[];
    production: number | null;
    after: string;
    limit: number;
  },
): Promise<FindingView[]> {
  return db
    .selectFrom('findings as n')
    .leftJoin('files as f', 'f.id', 'n.file_id')
    .leftJoin('productions as p', 'p.id', 'n.production_id')
    .leftJoin('revisions as v', (join) =>
      join.onRef('v.production_id', '=', 'p.id').onRef('v.revision', '=', 'p.revision'),
    )
    .leftJoin('jobs as j', (join) =>
      join.onRef('j.production_id', '=', 'f.production_id').onRef('j.number', '=', 'f.job'),
    )
    .leftJoin('blocks as b', (join) =>
      join.onRef('b.production_id', '=', 'j.production_id').onRef('b.number', '=', 'j.block'),
    )
    .leftJoin('replicas as r', (join) =>
      join.onRef('r.file_id', '=', 'n.file_id').onRef('r.storage', '=', 'n.storage'),
    )
    .selectAll('n')
    .select((eb) => {
      const good = eb
        .selectFrom('replicas as g')
        .whereRef('g.file_id', '=', 'n.file_id')
        .whereRef('g.storage', '<>', 'n.storage')
        .where('g.state', '=', 'Available')
        .where((other) =>
          other.not(
            other.exists(
              other
                .selectFrom('findings as o')
                .select('o.path')
                .whereRef('o.storage', '=', 'g.storage')
                .whereRef('o.path', '=', 'g.path')
                .where('o.state', '=', 'Open'),
            ),
          ),
        );
      return [
        'f.lfn',
        'f.kind as file_kind',
        'f.state as file_state',
        'f.size as file_size',
        'f.adler32',
        'r.state as replica',
        'p.state as production',
        'b.state as block',
        sql<number | null>`json_extract(v.definition, '$.distribution.copies')`.as('wanted_copies'),
        good.select((one) => one.fn.countAll<number>().as('copies')).as('copies'),
        good.select('g.storage').orderBy('g.storage').limit(1).as('source'),
        good.select('g.path').orderBy('g.storage').limit(1).as('source_path'),
      ];
    })
    .where('n.storage', '=', storage)
    .where('n.state', 'in', [...page.states])
    .where('n.path', '>', page.after)
    .$if(page.production !== null, (query) => query.where('n.production_id', '=', page.production))
    .orderBy('n.path')
    .limit(page.limit)
    .execute() as Promise<FindingView[]>;
}

/** Of these files: the replicas that sweeps have found to be bad, on any storage. */
export async function badReplicas(
  db: Db,
  files: readonly number[],
): Promise<{ storage: string; path: string }[]> {
  return db
    .selectFrom('replicas as r')
    .innerJoin('findings as n', (join) =>
      join.onRef('n.storage', '=', 'r.storage').onRef('n.path', '=', 'r.path'),
    )
    .select(['r.storage', 'r.path'])
    .where('r.file_id', 'in', [...files])
    .where('r.state', '=', 'Available')
    .where('n.state', '=', 'Open')
    .orderBy('r.file_id')
    .orderBy('r.storage')
    .execute();
}

/** What has become of findings of a storage. */
export interface FindingChange {
  readonly path: string;
  readonly state: FindingState;
  readonly kind: FindingKind;
  readonly why: string;
  readonly remedy: Remedy;
}

export async function changeFindings(
  db: Db,
  storage: string,
  changes: readonly FindingChange[],
  now: number,
): Promise<void> {
  if (changes.length === 0) return;
  const rows = rowsOf(
    changes.map((one) => ({ storage, ...one })),
    {
      ...{ storage: 'text', path: 'text', state: 'text', kind: 'text' },
      ...{ why: 'text', remedy: 'text' },
    } as const,
  );
  await sql`
    update findings set state = r.state, kind = r.kind, why = r.why, remedy = r.remedy, updated_at = ${now}
    from ${rows} as r where findings.storage = r.storage and findings.path = r.path`.execute(db);
}

/** Forgets findings that have come to nothing. */
export async function dropFindings(
  db: Db,
  storage: string,
  paths: readonly string[],
): Promise<void> {
  if (paths.length === 0) return;
  const rows = rowsOf(
    paths.map((path) => ({ path })),
    { path: 'text' },
  );
  await sql`
    delete from findings where storage = ${storage} and path in (select r.path from ${rows} as r)`.execute(
    db,
  );
}

/** Open findings on a storage by kind; of one production only, unless null. */
export async function openFindings(
  db: Db,
  storage: string,
  production: number | null,
): Promise<Partial<Record<FindingKind, number>>> {
  const rows = await db
    .selectFrom('findings')
    .select((eb) => ['kind', eb.fn.countAll<number>().as('findings')])
    .where('storage', '=', storage)
    .where('state', '=', 'Open')
    .$if(production !== null, (query) => query.where('production_id', '=', production))
    .groupBy('kind')
    .execute();
  return Object.fromEntries(rows.map((row) => [row.kind, row.findings]));
}

/** Storages whose last sweep of everything began before this time, or that were never swept. */
export async function storagesToSweep(db: Db, before: number): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select s.name from storages s
    where not exists (
      select 1 from sweeps w where w.storage = s.name and w.production_id is null and w.started_at > ${before})
    order by s.name`.execute(db);
  return rows.map((row) => row.name);
}

/** How many good replicas should be on a storage. */
export async function replicasOn(db: Db, storage: string): Promise<number> {
  const { replicas } = await db
    .selectFrom('replicas')
    .select((eb) => eb.fn.countAll<number>().as('replicas'))
    .where('storage', '=', storage)
    .where('state', '=', 'Available')
    .executeTakeFirstOrThrow();
  return replicas;
}

/** Of these paths: those where a replica is catalogued. */
export async function replicaPaths(
  db: Db,
  storage: string,
  paths: readonly string[],
): Promise<Set<string>> {
  const rows = await db
    .selectFrom('replicas')
    .select('path')
    .where('storage', '=', storage)
    .where('path', 'in', [...paths])
    .execute();
  return new Set(rows.map((row) => row.path));
}
