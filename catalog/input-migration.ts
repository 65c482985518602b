import { sql, type Kysely } from 'kysely';
import { expectManyRows } from './plan-statistics.js';

/** Productions that read catalogued files: which files those are, what each is for, and lists of files on their way into the catalog. */
export async function addInputs(db: Kysely<unknown>): Promise<void> {
  for (const statement of [
    `alter table productions add column inputs integer not null default 0`,
    `alter table blocks add column last_input integer not null default 0`,
    `alter table job_inputs add column role text not null default 'input'`,
    `create table production_inputs (
       production_id integer not null references productions (id), role text not null, position integer not null,
       file_id integer not null references files (id), storage text not null,
       primary key (production_id, role, position))`,
    'create index production_inputs_by_file on production_inputs (file_id)',
    `create table production_sources (
       production_id integer not null references productions (id), source_id integer not null references productions (id),
       primary key (production_id, source_id))`,
    'create index production_sources_by_source on production_sources (source_id)',
    `create table listed_inputs (
       list text not null, line integer not null, lfn text not null, staged_at bigint not null,
       primary key (list, line))`,
    'create index listed_inputs_by_age on listed_inputs (staged_at)',
  ]) {
    await sql.raw(statement).execute(db);
  }
  await expectManyRows(db);
}
