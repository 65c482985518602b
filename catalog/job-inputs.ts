import { sql } from 'kysely';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { insertRows } from './each-row.js';
import type { InputRole } from '../domain/input-definition.js';
import type { ReplicaName } from '../domain/selection.js';
import type { FileRow, ReplicaOfFile } from './files.js';
import { isNoneOf, type ReplacedInput } from './replaced-inputs.js';

/** A file that a job reads, with where it lies. */
export type JobInput = Pick<FileRow, 'size' | 'adler32'> & {
  readonly role: InputRole;
  readonly replicas: readonly { readonly storage: string; readonly path: string }[];
};

/** Files that jobs read, by job number, in their order: inputs, then overlay. Copies of one come the oldest first. */
export async function inputsOf(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<Map<number, JobInput[]>> {
  const { rows } = await sql<InputCopy>`
    select i.job, i.position, i.role, f.size, f.adler32, c.storage, c.path
    from ${numbered(jobs)} as r
    cross join job_inputs i
    cross join files f
    left join replicas c on c.file_id = f.id and c.state = 'Available'
    where i.production_id = ${production} and i.job = r.number and f.id = i.file_id
    order by i.job, i.position, c.created_at, c.storage`.execute(db);
  const inputs = new Map<
    number,
    (JobInput & { replicas: { storage: string; path: string }[] })[]
  >();
  let last: InputCopy | undefined;
  for (const row of rows) {
    const list = inputs.get(row.job) ?? [];
    if (list.length === 0) inputs.set(row.job, list);
    if (last?.job !== row.job || last.position !== row.position) {
      list.push({ role: row.role, size: row.size, adler32: row.adler32, replicas: [] });
    }
    const { path, storage } = row;
    if (storage !== null && path !== null) list.at(-1)?.replicas.push({ storage, path });
    last = row;
  }
  return inputs;
}

/** One copy of a file that a job reads; null for a file without any. */
interface InputCopy {
  readonly job: number;
  readonly position: number;
  readonly role: InputRole;
  readonly size: number;
  readonly adler32: string;
  readonly storage: string | null;
  readonly path: string | null;
}

/** Events in the inputs of each of these merges; those that have none (any more) are left out. */
export async function joinedEvents(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<Map<number, number>> {
  const { rows } = await sql<{ job: number; events: number }>`
    select i.job, sum(coalesce(f.events, 0)) as events
    from ${numbered(jobs)} as r
    cross join job_inputs i
    cross join files f
    where i.production_id = ${production} and i.job = r.number and f.id = i.file_id
    group by i.job`.execute(db);
  return new Map(rows.map(({ events, job }) => [job, events]));
}

const numbered = (jobs: readonly number[]) =>
  rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );

/** Gives jobs their input files, in order. */
export async function insertInputs(
  db: Db,
  production: number,
  inputs: readonly { job: number; position: number; file: number }[],
): Promise<void> {
  await insertRows(
    db,
    { into: 'job_inputs (production_id, job, position, file_id)', values: '(?, ?, ?, ?)' },
    inputs.map(({ file, job, position }) => [production, job, position, file]),
  );
}

/** Files that are inputs of a block's merges. */
export async function mergeInputs(db: Db, key: BlockKey): Promise<number[]> {
  // Merges are few: they come first.
  const { rows } = await sql<{ file_id: number }>`
    select i.file_id from jobs j cross join job_inputs i
    where j.production_id = ${key.production} and j.block = ${key.block} and j.kind = 'merge'
      and i.production_id = j.production_id and i.job = j.number`.execute(db);
  return rows.map(({ file_id }) => file_id);
}

/** Gives jobs overlay files: those at these places (`overlay`) of the production's set. */
export async function insertOverlay(
  db: Db,
  production: number,
  chosen: readonly { job: number; position: number; overlay: number }[],
): Promise<void> {
  if (chosen.length === 0) return;
  const rows = rowsOf(
    chosen.map((one) => ({ ...one })),
    { job: 'integer', position: 'integer', overlay: 'integer' },
  );
  await sql`
    insert into job_inputs (production_id, job, position, file_id, role)
    select ${production}, r.job, r.position, p.file_id, 'overlay'
    from ${rows} as r
    cross join production_inputs p
    where p.production_id = ${production} and p.role = 'overlay' and p.position = r.overlay`.execute(
    db,
  );
}

/** A file that a job reads, as it is divided: `events` of unknown ones count as 1. */
export interface JobInputFile {
  readonly file: number;
  readonly size: number;
  readonly events: number;
}

/** The input files of jobs, overlay left out, in their order. */
export async function inputFilesOf(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<Map<number, (JobInputFile & { counted: boolean })[]>> {
  const numbers = rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );
  const { rows } = await sql<JobInputFile & { job: number; counted: number }>`
    select i.job, f.id as file, f.size, coalesce(f.events, 1) as events, f.events is not null as counted
    from ${numbers} as r
    cross join job_inputs i
    join files f on f.id = i.file_id
    where i.production_id = ${production} and i.job = r.number and i.role = 'input'
    order by i.job, i.position`.execute(db);
  const found = new Map<number, (JobInputFile & { counted: boolean })[]>();
  for (const { job, counted, ...file } of rows) {
    const list = found.get(job) ?? [];
    list.push({ ...file, counted: counted === 1 });
    found.set(job, list);
  }
  return found;
}

/** A file that a job can not read: no good copy of it is left. */
export interface LostInput {
  readonly job: number;
  readonly lfn: string;
  readonly role: InputRole;
  readonly production: string | null;
  /** Its production is making it again. */
  readonly remade: boolean;
}

/** Of these jobs: the first file of each that has no good copy any more, and is none of `replaced`. */
export async function lostInputs(
  db: Db,
  production: number,
  jobs: readonly number[],
  replaced: readonly ReplacedInput[] = [],
): Promise<LostInput[]> {
  const numbers = rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );
  const { rows } = await sql<Omit<LostInput, 'remade'> & { remade: number | null }>`
    select i.job, f.lfn, i.role, p.name as production,
           p.state in ('Active', 'Completing') and b.state not in ('Finished', 'Held', 'Discarded') as remade
    from ${numbers} as r
    cross join job_inputs i
    join files f on f.id = i.file_id
    left join productions p on p.id = f.production_id
    left join blocks b on b.production_id = f.production_id and b.number = f.block
    where i.production_id = ${production} and i.job = r.number
      and not exists (select 1 from replicas c where c.file_id = f.id and c.state = 'Available' and f.state = 'Valid')
      and ${isNoneOf(replaced)}
    order by i.job, i.position`.execute(db);
  return rows
    .filter(({ job }, i) => rows[i - 1]?.job !== job)
    .map(({ remade, ...one }) => ({ ...one, remade: remade === 1 }));
}

/** How many files jobs read, overlay among them, and the storages that hold all of their input. */
export async function placesOfInputs(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<Map<number, { files: number; storages: string[] }>> {
  const numbers = rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );
  const counts = await sql<{ job: number; files: number; inputs: number }>`
    select i.job, count(*) as files, sum(i.role = 'input') as inputs
    from ${numbers} as r cross join job_inputs i
    where i.production_id = ${production} and i.job = r.number
    group by i.job`.execute(db);
  const places = await sql<{ job: number; storage: string; files: number }>`
    select i.job, c.storage, count(*) as files
    from ${numbers} as r cross join job_inputs i
    join replicas c on c.file_id = i.file_id and c.state = 'Available'
    where i.production_id = ${production} and i.job = r.number and i.role = 'input'
    group by i.job, c.storage`.execute(db);
  const found = new Map(
    counts.rows.map(({ files, inputs, job }) => [job, { files, inputs, storages: [] as string[] }]),
  );
  for (const { files, job, storage } of places.rows) {
    const one = found.get(job);
    if (one?.inputs === files) one.storages.push(storage);
  }
  return found;
}

/** Copies of files that jobs of a block read, whose last attempts could not read one: the page after a file id, whole files. */
export async function doubtfulInputs(
  db: Db,
  key: BlockKey,
  after: number,
  limit: number,
): Promise<ReplicaOfFile[]> {
  const { rows } = await sql<ReplicaOfFile>`
    with page as (
      select distinct i.file_id as id
      from jobs j
      cross join attempts a
      join job_inputs i on i.production_id = j.production_id and i.job = j.number
      where j.production_id = ${key.production} and j.block = ${key.block}
        and j.kind in ('scout', 'fabrication') and j.state in ('Waiting', 'Parked')
        and a.production_id = j.production_id and a.job = j.number and a.attempt = j.attempt
        and a.class in ('input-missing', 'input-corrupt') and i.file_id > ${after}
        and exists (select 1 from replicas c where c.file_id = i.file_id and c.state = 'Available')
      order by 1 limit ${limit})
    select f.id as file, f.lfn, c.storage, c.path, f.size, f.adler32, f.job
    from page join files f on f.id = page.id join replicas c on c.file_id = f.id and c.state = 'Available'
    order by f.id`.execute(db);
  return rows;
}

/** The productions whose files these copies are, with the paths of theirs. */
export async function ownersOf(
  db: Db,
  replicas: readonly ReplicaName[],
): Promise<{ name: string; paths: string[] }[]> {
  const names = rowsOf(
    replicas.map((one) => ({ ...one })),
    { storage: 'text', path: 'text' },
  );
  const { rows } = await sql<{ name: string; path: string }>`
    select p.name, c.path from ${names} as r
    join replicas c on c.storage = r.storage and c.path = r.path and c.state = 'Available'
    join files f on f.id = c.file_id
    join productions p on p.id = f.production_id
    order by p.name, c.path`.execute(db);
  const owners = new Map<string, string[]>();
  for (const { name, path } of rows) owners.set(name, [...(owners.get(name) ?? []), path]);
  return [...owners].map(([name, paths]) => ({ name, paths }));
}
