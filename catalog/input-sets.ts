import { sql, type RawBuilder } from 'kysely';
import type { InputRole } from '../domain/input-definition.js';
import type { BlockState } from '../domain/states/block.js';
import type { FileKind, FileState } from '../domain/states/file.js';
import type { ProductionState } from '../domain/states/production.js';
import type { Db } from './catalog.js';
import { joinedText, rowsOf } from './dialect.js';
import { isNoneOf, type ReplacedInput } from './replaced-inputs.js';

/** Files that a definition names: one by one, by a list that has been read into the catalog, or as what productions have made. */
export type FileSource =
  | { readonly by: 'names'; readonly lfns: readonly string[] }
  | { readonly by: 'list'; readonly list: string }
  | {
      readonly by: 'dataset';
      readonly parts: readonly { readonly production: number; readonly kind: FileKind }[];
      /** Null: any. */
      readonly level: string | null;
    };

/** The files of a source as a derived table of `line` (from 1; 0 in datasets) and `lfn`. */
function named(source: FileSource): RawBuilder<unknown> {
  switch (source.by) {
    case 'names': {
      const rows = source.lfns.map((lfn, i) => ({ line: i + 1, lfn }));
      return rowsOf(rows, { line: 'integer', lfn: 'text' });
    }
    case 'list':
      return sql`(select line, lfn from listed_inputs where list = ${source.list})`;
    // Block by block, by the index of files that are not `Removed`: most that a production has made are.
    case 'dataset': {
      const rows = source.parts.map((part) => ({ ...part }));
      const parts = rowsOf(rows, { production: 'integer', kind: 'text' });
      const level = source.level === null ? sql`` : sql`and f.level = ${source.level}`;
      return sql`(
        select 0 as line, f.lfn from ${parts} as r
        cross join blocks b
        cross join files f
        where b.production_id = r.production and b.state = 'Finished'
          and f.production_id = b.production_id and f.block = b.number and f.state <> 'Removed'
          and f.kind = r.kind and f.state = 'Valid' ${level})`;
    }
  }
}

/** Why a file can not be read. */
export type FaultKind =
  /** Not in the catalog. */
  | 'unknown'
  /** Named before. */
  | 'twice'
  /** No file of events. */
  | 'kind'
  /** Replaced or removed. */
  | 'state'
  /** Its production is being removed, or has been. */
  | 'ending'
  /** It is removed as soon as it is merged. */
  | 'unmerged'
  /** Its block has not come to its end. */
  | 'unfinished'
  /** No good copy of it is there. */
  | 'copies'
  /** It does not fit on the disk of a job. */
  | 'size';

export interface InputFault {
  readonly fault: FaultKind;
  readonly line: number;
  readonly lfn: string;
  readonly kind: FileKind | null;
  readonly state: FileState | null;
  readonly size: number | null;
  readonly production: string | null;
  readonly productionState: ProductionState | null;
  readonly block: number | null;
  readonly blockState: BlockState | null;
}

/** Productions whose files are not theirs to keep. */
const ENDING: readonly ProductionState[] = [
  ...['New', 'Scouting', 'AwaitingApproval', 'Rejected'],
  ...['Cancelling', 'Cleaning', 'Cleaned', 'Archived'],
] as ProductionState[];

/** The first files of a source that can not be read, and how many there are; `disk`: bytes that a job has for them. */
export async function inputFaults(
  db: Db,
  source: FileSource,
  { disk, limit }: { readonly disk: number; readonly limit: number },
): Promise<{ faults: InputFault[]; total: number }> {
  const ending = sql.join(ENDING.map((state) => sql.lit(state)));
  const { rows } = await sql<InputFault & { total: number }>`
    with merging as materialized (
      select p.id from productions p
      join revisions v on v.production_id = p.id and v.revision = p.revision
      where json_extract(v.definition, '$.merge') is not null)
    select *, count(*) over () as total from (
      select n.line, n.lfn, f.kind, f.state, f.size, p.name as production, p.state as "productionState",
             b.number as block, b.state as "blockState",
             case
               when n.turn > 1 then 'twice'
               when f.id is null then 'unknown'
               when f.kind not in ('output', 'merged') then 'kind'
               when p.state in (${ending}) then 'ending'
               when f.state <> 'Valid' then 'state'
               when f.kind = 'output' and p.id in (select id from merging) then 'unmerged'
               when b.state <> 'Finished' then 'unfinished'
               when not exists (select 1 from replicas c where c.file_id = f.id and c.state = 'Available') then 'copies'
               when f.size >= ${disk} then 'size'
             end as fault
      from (select line, lfn, row_number() over (partition by lfn order by line) as turn from ${named(source)} as l) n
      left join files f on f.lfn = n.lfn
      left join productions p on p.id = f.production_id
      left join blocks b on b.production_id = f.production_id and b.number = f.block)
    where fault is not null
    order by line, lfn limit ${limit}`.execute(db);
  return {
    faults: rows,
    total: Number(rows[0]?.total ?? 0),
  };
}

/** What a set of files comes to. Sizes in bytes; files whose events nobody knows count as one each. */
export interface InputTotals {
  readonly files: number;
  readonly events: number;
  readonly size: number;
  /** Events and bytes of the largest files. */
  readonly mostEvents: number;
  readonly mostSize: number;
  /** Files without events: nobody reads them. */
  readonly empty: number;
}

export async function inputTotals(db: Db, source: FileSource): Promise<InputTotals> {
  const { rows } = await sql<Record<keyof InputTotals, number | null>>`
    select sum(events > 0) as files, sum(events) as events, sum(case when events > 0 then size end) as size,
           max(events) as "mostEvents", max(size) as "mostSize", sum(events = 0) as empty
    from (select coalesce(f.events, 1) as events, f.size from ${named(source)} as n join files f on f.lfn = n.lfn)`.execute(
    db,
  );
  return totals(rows[0]);
}

/** The same of what a production reads. */
export async function totalsOfInputs(
  db: Db,
  production: number,
  role: InputRole,
): Promise<InputTotals> {
  const { rows } = await sql<Record<keyof InputTotals, number | null>>`
    select count(*) as files, sum(coalesce(f.events, 1)) as events, sum(f.size) as size,
           max(coalesce(f.events, 1)) as "mostEvents", max(f.size) as "mostSize", 0 as empty
    from production_inputs i join files f on f.id = i.file_id
    where i.production_id = ${production} and i.role = ${role}`.execute(db);
  return totals(rows[0]);
}

function totals(row: Partial<Record<keyof InputTotals, number | null>> | undefined): InputTotals {
  const of = (key: keyof InputTotals): number => Number(row?.[key] ?? 0);
  return {
    files: of('files'),
    events: of('events'),
    size: of('size'),
    mostEvents: of('mostEvents'),
    mostSize: of('mostSize'),
    empty: of('empty'),
  };
}

/** The files of a source with a good copy and with events, and all storages that hold each. */
function placed(source: FileSource): RawBuilder<unknown> {
  return sql`(
    select f.id, f.lfn, ${joinedText('r.storage')} as places
    from ${named(source)} as n
    join files f on f.lfn = n.lfn
    join replicas r on r.file_id = f.id and r.state = 'Available'
    where f.events is null or f.events > 0
    group by f.id, f.lfn)`;
}

/** How many files of a source lie on exactly the same storages, by these storages. */
export async function inputPlaces(
  db: Db,
  source: FileSource,
): Promise<{ storages: string[]; files: number }[]> {
  const { rows } = await sql<{ places: string; files: number }>`
    select places, count(*) as files from ${placed(source)} as one group by places order by places`.execute(
    db,
  );
  return rows.map(({ files, places }) => ({ storages: places.split(' '), files }));
}

/** Where files that lie on exactly these storages come in the order of a production's input, and the one that they share with others. */
export interface PlaceChoice {
  readonly storages: readonly string[];
  readonly storage: string;
  readonly turn: number;
}

/**
 * Fixes the files of a source as what a production reads, instead of what was fixed for an earlier revision: by the turn of their
 * storages, then by name.
 */
export async function fixInputs(
  db: Db,
  production: number,
  role: InputRole,
  source: FileSource,
  choices: readonly PlaceChoice[],
): Promise<void> {
  await forgetInputs(db, production, role);
  const rows = rowsOf(
    choices.map(({ storage, storages, turn }) => ({ storage, places: storages.join(' '), turn })),
    { storage: 'text', places: 'text', turn: 'integer' },
  );
  await sql`
    insert into production_inputs (production_id, role, position, file_id, storage)
    select ${production}, ${role}, row_number() over (order by c.turn, f.lfn), f.id, c.storage
    from ${placed(source)} as f join (select * from ${rows}) as c on c.places = f.places
    order by 3`.execute(db);
}

/** A revision names other files, or none. */
export async function forgetInputs(db: Db, production: number, role: InputRole): Promise<void> {
  await db
    .deleteFrom('production_inputs')
    .where('production_id', '=', production)
    .where('role', '=', role)
    .execute();
}

/** Notes whose files a production reads, as far as they are fixed; returns their names. */
export async function noteSources(db: Db, production: number): Promise<string[]> {
  await db.deleteFrom('production_sources').where('production_id', '=', production).execute();
  await sql`
    insert into production_sources (production_id, source_id)
    select distinct i.production_id, f.production_id
    from production_inputs i join files f on f.id = i.file_id
    where i.production_id = ${production} and f.production_id is not null`.execute(db);
  const rows = await db
    .selectFrom('production_sources')
    .innerJoin('productions', 'productions.id', 'production_sources.source_id')
    .select('productions.name')
    .where('production_sources.production_id', '=', production)
    .orderBy('productions.name')
    .execute();
  return rows.map(({ name }) => name);
}

/** How many files of a role a production has. */
export async function countInputs(db: Db, production: number, role: InputRole): Promise<number> {
  const row = await db
    .selectFrom('production_inputs')
    .select((eb) => eb.fn.max('position').as('files'))
    .where('production_id', '=', production)
    .where('role', '=', role)
    .executeTakeFirst();
  return Number(row?.files ?? 0);
}

/** A file that jobs are to read. */
export interface InputFile {
  readonly position: number;
  readonly file: number;
  readonly storage: string;
  readonly size: number;
  /** 1 where nobody knows. */
  readonly events: number;
}

/** What a production reads after a position, at most so many files, in their order. */
export async function inputsAfter(
  db: Db,
  production: number,
  after: number,
  limit: number,
): Promise<InputFile[]> {
  const { rows } = await sql<InputFile>`
    select i.position, i.file_id as file, i.storage, f.size, coalesce(f.events, 1) as events
    from production_inputs i join files f on f.id = i.file_id
    where i.production_id = ${production} and i.role = 'input' and i.position > ${after}
    order by i.position limit ${limit}`.execute(db);
  return rows;
}

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
