import { sql, type RawBuilder } from 'kysely';
import type { InputRole } from '../domain/input-definition.js';
import type { Db } from './catalog.js';
import { joinedText, rowsOf } from './dialect.js';
import { named, type FileSource } from './file-source.js';

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

/** The largest file that a production reads, bytes; null if it reads none. */
export async function largestInput(
  db: Db,
  production: number,
): Promise<{ readonly lfn: string; readonly size: number } | null> {
  const row = await db
    .selectFrom('production_inputs as i')
    .innerJoin('files as f', 'f.id', 'i.file_id')
    .select(['f.lfn', 'f.size'])
    .where('i.production_id', '=', production)
    .orderBy('f.size', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}
