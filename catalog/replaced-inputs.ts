import { sql, type RawBuilder } from 'kysely';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** The first and last job whose outputs a file was merged from, and how many there were: null for files that no merge has made. */
function jobsOfParents(file: 'old' | 'file'): RawBuilder<string | null> {
  return sql`
    select min(o.job) || '-' || max(o.job) || ' ' || count(*)
    from file_parents p join files o on o.id = p.parent_id
    where p.file_id = ${sql.ref(`fresh.${file}`)}`;
}

/** A file that is read no more, and the one in its place. */
export interface ReplacedInput {
  readonly old: number;
  readonly file: number;
}

/**
 * What has taken the place of input and overlay files of these jobs, or of all that the production reads: the same job of its production has made
 * it again, or it was merged from what the same jobs have made again.
 */
export async function replacedInputs(
  db: Db,
  production: number,
  jobs: readonly number[] | 'all',
): Promise<ReplacedInput[]> {
  // NOTE: `<> 'Removed'` is there for the index `files_present`.
  const { rows } = await sql<ReplacedInput>`
    with gone as materialized (
      select distinct f.id, f.production_id, f.block, f.kind, f.level, f.job, f.events
      from ${readBy(production, jobs)} as i
      cross join files f
      where f.id = i.file_id and f.state <> 'Valid'),
    fresh as materialized (
      select g.id as old, n.id as file, g.job = n.job as same
      from gone g cross join files n
      where n.production_id = g.production_id and n.block = g.block and n.state <> 'Removed'
        and n.state = 'Valid' and n.kind = g.kind and n.level = g.level and n.events is g.events
        and exists (select 1 from replicas c where c.file_id = n.id and c.state = 'Available'))
    select old, min(file) as file from fresh
    where same or (${jobsOfParents('old')}) = (${jobsOfParents('file')})
    group by old`.execute(db);
  return rows;
}

/** The files that jobs read, or the whole production, as a derived table of `file_id`. */
function readBy(production: number, jobs: readonly number[] | 'all'): RawBuilder<unknown> {
  if (jobs === 'all') {
    return sql`(select file_id from production_inputs where production_id = ${production})`;
  }
  const numbers = rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );
  return sql`(
    select i.file_id from ${numbers} as r
    cross join job_inputs i
    where i.production_id = ${production} and i.job = r.number)`;
}

/** True for a file `f` in whose place there is none of these. */
export function isNoneOf(replaced: readonly ReplacedInput[]): RawBuilder<boolean> {
  if (replaced.length === 0) return sql<boolean>`true`;
  const rows = rowsOf(
    replaced.map(({ old }) => ({ old })),
    { old: 'integer' },
  );
  return sql<boolean>`f.id not in (select old from ${rows} as replaced)`;
}

/** Has jobs read what has taken the place of their files. Afterwards their own production knows the new files instead; returns how many there are. */
export async function followReplacedInputs(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<number> {
  const rows = await replacedInputs(db, production, jobs);
  if (rows.length === 0) return 0;
  const moved = rowsOf(
    rows.map((one) => ({ ...one })),
    { old: 'integer', file: 'integer' },
  );
  for (const table of ['job_inputs', 'production_inputs']) {
    await sql`
      update ${sql.table(table)} set file_id = m.file from ${moved} as m
      where ${sql.table(table)}.production_id = ${production} and ${sql.table(table)}.file_id = m.old`.execute(
      db,
    );
  }
  return rows.length;
}
