import type Database from 'better-sqlite3';

/** When a simulated thing was first used (ms since 1970); the first process that asks decides. */
export function beginOf(database: Database.Database, now: number): number {
  database.exec(
    'create table if not exists begin (id integer primary key check (id = 1), at integer not null)',
  );
  database.prepare('insert into begin values (1, ?) on conflict do nothing').run(now);
  return database.prepare<[], number>('select at from begin').pluck().get() ?? now;
}
