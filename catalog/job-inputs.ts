import { sql } from 'kysely';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { replicasOf, type FileRow } from './files.js';

/** An input file of a merge job, with where it lies. */
export type JobInput = Pick<FileRow, 'id' | 'lfn' | 'size' | 'adler32' | 'events'> & {
  readonly replicas: readonly { storage: string; path: string }[];
};

/** Input files by job number, in the order in which they are merged. */
export async function inputsOf(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<Map<number, JobInput[]>> {
  const numbers = rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );
  const { rows } = await sql<Omit<JobInput, 'replicas'> & { job: number }>`
    select i.job, f.id, f.lfn, f.size, f.adler32, f.events
    from job_inputs i join files f on f.id = i.file_id
    where i.production_id = ${production} and i.job in (select r.number from ${numbers} as r)
    order by i.job, i.position`.execute(db);
  const replicas = await replicasOf(
    db,
    rows.map((row) => row.id),
  );
  const inputs = new Map<number, JobInput[]>();
  for (const { job, ...file } of rows) {
    const list = inputs.get(job) ?? [];
    list.push({ ...file, replicas: replicas.get(file.id) ?? [] });
    inputs.set(job, list);
  }
  return inputs;
}

/** Gives merge jobs their inputs, in order. */
export async function insertInputs(
  db: Db,
  production: number,
  inputs: readonly { job: number; position: number; file: number }[],
): Promise<void> {
  const rows = rowsOf(
    inputs.map((one) => ({ ...one })),
    { job: 'integer', position: 'integer', file: 'integer' },
  );
  await sql`
    insert into job_inputs (production_id, job, position, file_id)
    select ${production}, r.job, r.position, r.file from ${rows} as r`.execute(db);
}
