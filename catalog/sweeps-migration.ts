import { sql, type Kysely } from 'kysely';

/** Debts that are tried again, sweeps and what they find; remnants may belong to no production. */
export async function addSweeps(db: Kysely<unknown>): Promise<void> {
  // SQLite can not drop the `not null` of a column.
  for (const statement of [
    `create table remnants_new (
       id integer primary key autoincrement, production_id integer references productions (id), block integer not null,
       storage text not null, path text not null, shape text not null, state text not null, why text not null,
       since bigint not null, unique (storage, path))`,
    `insert into remnants_new (id, production_id, block, storage, path, shape, state, why, since)
       select id, production_id, block, storage, path, shape, state, why, since from remnants`,
    'drop table remnants',
    'alter table remnants_new rename to remnants',
    'create index remnants_by_production on remnants (production_id, block, state)',
    'create index remnants_by_storage on remnants (storage, id)',
    `create index replicas_removing on replicas (storage) where state = 'Removing'`,
    `create table debtors (
       storage text primary key, tries integer not null, tried_at bigint not null, next_at bigint not null, reason text not null)`,
    `create table sweeps (
       id integer primary key autoincrement, storage text not null, production_id integer references productions (id),
       checksums integer not null, repair integer not null, who text not null, state text not null, started_at bigint not null,
       ended_at bigint, files integer not null, foreign_files integer not null, reason text not null)`,
    'create index sweeps_by_storage on sweeps (storage, id)',
    // Without foreign keys: each insert into the tables referred to would read all findings.
    `create table findings (
       storage text not null, path text not null, kind text not null, state text not null, sweep integer not null,
       production_id integer, file_id integer, size bigint, why text not null,
       remedy text not null,       found_at bigint not null, updated_at bigint not null, primary key (storage, path))`,
  ]) {
    await sql.raw(statement).execute(db);
  }
}
