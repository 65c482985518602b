import { sql } from 'kysely';
import type { ReplicaName } from '../domain/selection.js';
import type { FileKind, FileState } from '../domain/states/file.js';
import type { JobKind, JobState } from '../domain/states/job.js';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { ANEW } from './jobs.js';

/** What must be known of a job to decide whether it runs again. */
export interface MadeJob {
  readonly number: number;
  readonly block: number;
  readonly kind: JobKind;
  readonly state: JobState;
}

/** A file by its name or by one of its copies. `job` made it; `current` tells that no later attempt has made it anew. */
export interface MadeFile extends MadeJob {
  readonly file: number;
  readonly lfn: string;
  readonly fileKind: FileKind;
  readonly fileState: FileState;
  readonly current: boolean;
}

const MADE_FILE = sql`
  f.id as file, f.lfn, f.kind as fileKind, f.state as fileState, j.number, j.block, j.kind, j.state,
  j.attempt = f.attempt as current`;

/** The files of these names; those that are not the production's are left out. */
export async function filesNamed(
  db: Db,
  production: number,
  lfns: readonly string[],
): Promise<MadeFile[]> {
  const names = rowsOf(
    lfns.map((lfn) => ({ production, lfn })),
    { production: 'integer', lfn: 'text' },
  );
  const { rows } = await sql<MadeFile>`
    select ${MADE_FILE} from ${names} as r
    join files f on f.lfn = r.lfn and f.production_id = r.production
    join jobs j on j.production_id = f.production_id and j.number = f.job`.execute(db);
  return rows.map((row) => ({ ...row, current: Boolean(row.current) }));
}

/** The valid files of the production in a folder and in those below it. */
export async function filesInFolder(
  db: Db,
  production: number,
  folder: string,
): Promise<MadeFile[]> {
  const prefix = folder.endsWith('/') ? folder : `${folder}/`;
  // '0' follows '/'.
  const end = `${prefix.slice(0, -1)}0`;
  const { rows } = await sql<MadeFile>`
    select ${MADE_FILE} from files f
    join jobs j on j.production_id = f.production_id and j.number = f.job
    where f.lfn >= ${prefix} and f.lfn < ${end} and +f.production_id = ${production} and f.state = 'Valid'`.execute(
    db,
  );
  return rows.map((row) => ({ ...row, current: Boolean(row.current) }));
}

/** A catalogued copy, with how many good copies its file has in all. */
export interface FoundReplica extends MadeFile, ReplicaName {
  readonly available: boolean;
  readonly copies: number;
}

/** These copies, those of files of the production only. */
export async function replicasNamed(
  db: Db,
  production: number,
  replicas: readonly ReplicaName[],
): Promise<FoundReplica[]> {
  const names = rowsOf(
    replicas.map(({ storage, path }) => ({ production, storage, path })),
    { production: 'integer', storage: 'text', path: 'text' },
  );
  const { rows } = await sql<FoundReplica>`
    select ${MADE_FILE}, p.storage, p.path, p.state = 'Available' as available,
           (select count(*) from replicas c where c.file_id = f.id and c.state = 'Available') as copies
    from ${names} as r
    join replicas p on p.storage = r.storage and p.path = r.path
    join files f on f.id = p.file_id and f.production_id = r.production
    join jobs j on j.production_id = f.production_id and j.number = f.job`.execute(db);
  return rows.map((row) => ({
    ...row,
    current: Boolean(row.current),
    available: Boolean(row.available),
  }));
}

/** The jobs that made what these merged files were made from. */
export async function makersOf(
  db: Db,
  production: number,
  mergedFiles: readonly number[],
): Promise<MadeJob[]> {
  const ids = rowsOf(
    mergedFiles.map((id) => ({ production, id })),
    { production: 'integer', id: 'integer' },
  );
  const { rows } = await sql<MadeJob>`
    select distinct j.number, j.block, j.kind, j.state from ${ids} as r
    join file_parents p on p.file_id = r.id
    join files f on f.id = p.parent_id and f.production_id = r.production
    join jobs j on j.production_id = f.production_id and j.number = f.job
    order by j.number`.execute(db);
  return rows;
}

/** The jobs with these numbers. */
export async function jobsNumbered(
  db: Db,
  production: number,
  ranges: readonly { readonly from: number; readonly to: number }[],
): Promise<MadeJob[]> {
  const rows = rowsOf(
    ranges.map(({ from, to }) => ({ production, from, to })),
    { production: 'integer', from: 'integer', to: 'integer' },
  );
  const { rows: jobs } = await sql<MadeJob>`
    select j.number, j.block, j.kind, j.state from ${rows} as r
    join jobs j on j.production_id = r.production and j.number between r."from" and r."to"
    order by j.number`.execute(db);
  return jobs;
}

/** The highest number of a job; 0 if there is none. */
export async function lastJobNumber(db: Db, production: number): Promise<number> {
  const row = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.max('number').as('number'))
    .where('production_id', '=', production)
    .executeTakeFirst();
  return Number(row?.number ?? 0);
}

/** Jobs that are done, whose accepted attempt was at a site (null: any) and ended at a time (ms) or later. */
export async function jobsDone(
  db: Db,
  production: number,
  { site, since }: { readonly site: string | null; readonly since: number },
): Promise<MadeJob[]> {
  return db
    .selectFrom('jobs as j')
    .innerJoin('attempts as a', (join) =>
      join
        .onRef('a.production_id', '=', 'j.production_id')
        .onRef('a.job', '=', 'j.number')
        .onRef('a.attempt', '=', 'j.attempt'),
    )
    .select(['j.number', 'j.block', 'j.kind', 'j.state'])
    .where('j.production_id', '=', production)
    .where('j.state', '=', 'Done')
    .where('a.state', '=', 'Done')
    .$if(site !== null, (query) => query.where('a.site', '=', site ?? ''))
    .where('a.ended_at', '>=', since)
    .orderBy('j.number')
    .execute();
}

/** The accepted outputs of a block's jobs with the number of their good copies, and the inputs of its merges. */
export async function lineageOf(
  db: Db,
  key: BlockKey,
): Promise<{
  outputs: { file: number; job: number; copies: number }[];
  merges: { job: number; inputs: number[] }[];
}> {
  const { rows: outputs } = await sql<{ file: number; job: number; copies: number }>`
    select f.id as file, f.job,
           (select count(*) from replicas p where p.file_id = f.id and p.state = 'Available'
              and f.state = 'Valid') as copies
    from jobs j join files f on f.production_id = j.production_id and f.job = j.number
    where j.production_id = ${key.production} and j.block = ${key.block} and j.kind <> 'merge'
      and j.state = 'Done' and f.attempt = j.attempt and f.state <> 'Invalid'`.execute(db);
  const { rows: inputs } = await sql<{ job: number; file: number }>`
    select i.job, i.file_id as file
    from jobs j cross join job_inputs i
    where i.production_id = j.production_id and i.job = j.number and j.production_id = ${key.production} and j.block = ${key.block} and j.kind = 'merge'
    order by i.job, i.position`.execute(db);
  const merges = new Map<number, number[]>();
  for (const { job, file } of inputs) {
    const list = merges.get(job);
    if (list === undefined) merges.set(job, [file]);
    else list.push(file);
  }
  return { outputs, merges: [...merges].map(([job, files]) => ({ job, inputs: files })) };
}

/** Names of the valid files of these kinds that these jobs of a production made. */
export async function filesOfJobs(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<{ id: number; lfn: string; kind: FileKind }[]> {
  const rows = rowsOf(
    jobs.map((job) => ({ production, job })),
    { production: 'integer', job: 'integer' },
  );
  const { rows: files } = await sql<{ id: number; lfn: string; kind: FileKind }>`
    select f.id, f.lfn, f.kind from ${rows} as r
    join files f on f.production_id = r.production and f.job = r.job
    where f.state = 'Valid' order by f.job, f.id`.execute(db);
  return files;
}

/** What shall run again in a block (`policy/reprocessing.ts`). */
export interface JobsToRepeat {
  readonly again: readonly { readonly job: number }[];
  readonly repeated: readonly number[];
  readonly retired: readonly number[];
}

/** A copy that was asked for and is not wanted any more: it may be half there. */
export interface AbandonedCopy {
  readonly lfn: string;
  readonly storage: string;
}

/**
 * Jobs and merges that are done wait to run again, with the same seeds, ranges and inputs; what they made is `Invalid` and condemned on
 * every storage. A retired merge is `Cancelled`, one that runs ends as such; its inputs are free for another. Returns the
 * copies that were on their way.
 */
export async function repeatJobs(
  db: Db,
  production: number,
  plan: JobsToRepeat,
  now: number,
): Promise<AbandonedCopy[]> {
  const repeated = [...plan.again.map(({ job }) => job), ...plan.repeated];
  const files = (await filesOfJobs(db, production, [...repeated, ...plan.retired])).map(
    ({ id }) => id,
  );
  await db
    .updateTable('files')
    .set({ state: 'Invalid' })
    .where('id', 'in', numbers(files))
    .where('state', '=', 'Valid')
    .execute();
  await db
    .updateTable('replicas')
    .set({ state: 'Removing' })
    .where('file_id', 'in', numbers(files))
    .where('state', '=', 'Available')
    .execute();
  const abandoned = await abandonCopies(db, files, now);
  await db
    .updateTable('jobs')
    .set({ state: 'Waiting', ...ANEW })
    .where('production_id', '=', production)
    .where('number', 'in', numbers(repeated))
    .where('state', '=', 'Done')
    .execute();
  await db
    .deleteFrom('job_inputs')
    .where('production_id', '=', production)
    .where('job', 'in', numbers(plan.retired))
    .execute();
  await db
    .updateTable('jobs')
    .set({ state: 'Cancelled' })
    .where('production_id', '=', production)
    .where('number', 'in', numbers(plan.retired))
    .where('state', 'in', ['Waiting', 'Done', 'Parked'])
    .execute();
  return abandoned;
}

async function abandonCopies(
  db: Db,
  files: readonly number[],
  now: number,
): Promise<AbandonedCopy[]> {
  const copies = await db
    .selectFrom('transfers as t')
    .innerJoin('files as f', 'f.id', 't.file_id')
    .select(['f.lfn', 't.destination as storage'])
    .where('t.file_id', 'in', numbers(files))
    .where('t.state', '=', 'Waiting')
    .execute();
  await db
    .updateTable('transfers')
    .set({ state: 'Cancelled', reason: 'its file is made again', updated_at: now })
    .where('file_id', 'in', numbers(files))
    .where('state', '=', 'Waiting')
    .execute();
  return copies;
}

/** A list of any length as one parameter. */
function numbers(list: readonly number[]) {
  return sql<number>`(select value from json_each(${JSON.stringify(list)}))`;
}
