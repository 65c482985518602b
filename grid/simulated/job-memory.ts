import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { FailureClass } from '../../domain/failure-class.js';
import { beginOf } from './begin.js';

/** A job as the computing element remembers it; times in ms since 1970. */
export interface RememberedJob {
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** What is told once the job has ended and that has been looked at; null before. An empty report: it has left none. */
  readonly report: string | null;
  readonly payloadReport: string | null;
}

/** A job as it is submitted. */
export interface SubmittedJob {
  readonly name: string;
  /** See `wrapperText`. */
  readonly wrapper: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** How a job has ended. */
export interface Ending {
  readonly endedAt: number;
  readonly report: string;
  readonly payloadReport: string | null;
  readonly log: string;
}

/** What a simulated computing element remembers, whatever becomes of its process. */
export class JobMemory {
  /** When it was first used, ms since 1970: simulated time counts from it. */
  readonly begin: number;
  readonly #database: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(folder: string, site: string, now: number) {
    mkdirSync(folder, { recursive: true });
    this.#database = new Database(path.join(folder, `${site}.db`));
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = NORMAL');
    this.#database.pragma('wal_autocheckpoint = 8000');
    this.#database.exec(`
      create table if not exists jobs (
        name text primary key, startedAt integer not null, endedAt integer not null, wrapper text not null
      ) without rowid;
      create table if not exists endings (
        name text primary key, report text not null, payloadReport text, log text not null
      ) without rowid;
      create index if not exists jobs_by_end on jobs (endedAt);
      create table if not exists injected (name text primary key, failure text not null) without rowid;
      create table if not exists retired (id integer primary key check (id = 1), epoch text not null);`);
    this.begin = beginOf(this.#database, now);
  }

  /** Runs it in one transaction. */
  together<T>(work: () => T): T {
    return this.#database.transaction(work).immediate();
  }

  find(name: string): RememberedJob | undefined {
    return this.#prepared<[string], RememberedJob>(
      `select jobs.name, startedAt, endedAt, report, payloadReport
         from jobs left join endings on endings.name = jobs.name where jobs.name = ?`,
    ).get(name);
  }

  /** Those of these jobs that it remembers, by name. */
  findAll(names: readonly string[]): Map<string, RememberedJob> {
    const found = this.#prepared<[string], RememberedJob>(
      `select jobs.name, startedAt, endedAt, report, payloadReport
         from json_each(?) as asked cross join jobs on jobs.name = asked.value
         left join endings on endings.name = jobs.name`,
    ).all(JSON.stringify(names));
    return new Map(found.map((job) => [job.name, job]));
  }

  /** What was submitted under this name. */
  wrapper(name: string): string | undefined {
    return this.#prepared<[string], string>('select wrapper from jobs where name = ?')
      .pluck()
      .get(name);
  }

  /** What an ended job has logged. */
  log(name: string): string | undefined {
    return this.#prepared<[string], string>('select log from endings where name = ?')
      .pluck()
      .get(name);
  }

  add({ name, wrapper, startedAt, endedAt }: SubmittedJob): void {
    this.#prepared('insert into jobs values (?, ?, ?, ?)').run(name, startedAt, endedAt, wrapper);
  }

  /** Records how a job has ended; what is recorded first stays. */
  conclude(job: RememberedJob, told: Ending): void {
    const { changes } = this.#prepared(
      'insert into endings values (?, ?, ?, ?) on conflict do nothing',
    ).run(job.name, told.report, told.payloadReport, told.log);
    if (changes === 0 || told.endedAt === job.endedAt) return;
    this.#prepared('update jobs set endedAt = ? where name = ?').run(told.endedAt, job.name);
  }

  /** Notes which failure befell a job, for whoever compares it with the diagnosis; it is kept for ever. */
  noteInjected(name: string, failure: FailureClass): void {
    this.#prepared('insert into injected values (?, ?) on conflict do nothing').run(name, failure);
  }

  forget(name: string): void {
    this.#prepared('delete from jobs where name = ?').run(name);
    this.#prepared('delete from endings where name = ?').run(name);
  }

  /** The epoch before which jobs are not taken any more; null if all are. */
  retiredBefore(): string | null {
    return this.#database.prepare<[], string>('select epoch from retired').pluck().get() ?? null;
  }

  /** Forgets the jobs whose names do not begin with this epoch; returns how many there were. */
  retire(epoch: string): number {
    this.#database.prepare('insert or replace into retired values (1, ?)').run(epoch);
    const [length, own] = [epoch.length + 1, `${epoch}.`];
    this.#database.prepare('delete from endings where substr(name, 1, ?) <> ?').run(length, own);
    return this.#database.prepare('delete from jobs where substr(name, 1, ?) <> ?').run(length, own)
      .changes;
  }

  /** When the jobs end that have not ended by a time, in any order. */
  endsAfter(now: number): number[] {
    return this.#prepared<[number], number>('select endedAt from jobs where endedAt > ?')
      .pluck()
      .all(now);
  }

  /** When the next job ends after a time; null if none will. */
  nextEnd(now: number): number | null {
    return (
      this.#prepared<[number], number | null>('select min(endedAt) from jobs where endedAt > ?')
        .pluck()
        .get(now) ?? null
    );
  }

  /** Jobs that run at a time, and that wait then. */
  counts(now: number): { running: number; queued: number } {
    return (
      this.#prepared<[number, number, number], { running: number; queued: number }>(
        `select coalesce(sum(startedAt <= ?), 0) as running, coalesce(sum(startedAt > ?), 0) as queued
           from jobs where endedAt > ?`,
      ).get(now, now, now) ?? { running: 0, queued: 0 }
    );
  }

  close(): void {
    this.#database.close();
  }

  #prepared<P extends unknown[] = unknown[], R = unknown>(sql: string): Database.Statement<P, R> {
    const known = this.#statements.get(sql);
    const statement = known ?? this.#database.prepare(sql);
    if (known === undefined) this.#statements.set(sql, statement);
    // The type of the rows is that of the text, as with every statement of the database.
    return statement as Database.Statement<P, R>;
  }
}
