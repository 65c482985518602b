import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { FailureClass } from '../../domain/failure-class.js';
import type { CeBundle, CeTask } from '../compute/compute-element.js';
import { beginOf } from './begin.js';
import type { Ending } from './ending.js';
import type { Fate } from './fate.js';

/** A job as the computing element remembers it; times in ms since 1970. */
export interface RememberedJob {
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Null: it was ended before it came. */
  readonly task: CeTask | null;
  /** Null until somebody has looked at it after its end. */
  readonly ending: Ending | null;
  /** Follows from its task; at hand where this process has submitted it. */
  readonly fate: Fate | null;
}

/** What jobs have in common is remembered once, for as long as there are any. */
interface Recipe {
  readonly id: number;
  readonly text: string;
  readonly bundle: CeBundle;
  jobs: number;
}

/** `own` is what of its task is a job's own; see `Own`. */
interface Row extends Pick<RememberedJob, 'name' | 'startedAt' | 'endedAt'> {
  readonly recipe: number | null;
  readonly own: string;
  readonly ending: string | null;
}

const NOTHING_ASKED = { asked: null, recipe: null };

const SCHEMA = `
  create table if not exists recipes (id integer primary key, text text not null);
  create table if not exists jobs (
    name text primary key, startedAt integer not null, endedAt integer not null, recipe integer, own text not null, ending text
  ) without rowid;
  create table if not exists injected (name text primary key, failure text not null) without rowid;
  create table if not exists retired (id integer primary key check (id = 1), epoch text not null);
  create table if not exists trouble (id integer primary key check (id = 1), isOut integer not null);
  insert into trouble values (1, 0) on conflict do nothing;`;

/**
 * What a simulated computing element remembers, whatever becomes of its process: a database. This process keeps a copy of the jobs in it at hand,
 * written through, and reads it anew when another process has changed something.
 */
export class JobMemory {
  /** When it was first used, ms since 1970: simulated time counts from it. */
  readonly begin: number;
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #jobs = new Map<string, RememberedJob>();
  readonly #recipes = new Map<CeBundle, Recipe>();
  /** The recipe that was asked for last, and for which bundle. */
  #last: { readonly asked: CeBundle | null; readonly recipe: Recipe | null } = NOTHING_ASKED;
  /** Of the database, when it was read; null: what is at hand is good for nothing. */
  #version: number | null = null;

  constructor(folder: string, site: string, now: number) {
    mkdirSync(folder, { recursive: true });
    this.#database = new Database(path.join(folder, `${site}.db`));
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = NORMAL');
    this.#database.pragma('wal_autocheckpoint = 8000');
    this.#database
      .transaction(() => {
        forgetOldKind(this.#database);
        this.#database.exec(SCHEMA);
      })
      .immediate();
    this.#statements = statementsOf(this.#database);
    this.begin = beginOf(this.#database, now);
  }

  /** What it remembers now, by name. */
  jobs(): ReadonlyMap<string, RememberedJob> {
    const version = this.#statements.version.get() ?? null;
    if (version !== this.#version) this.#read();
    this.#version = version;
    return this.#jobs;
  }

  /** Runs it in one transaction. */
  together<T>(work: (jobs: ReadonlyMap<string, RememberedJob>) => T): T {
    try {
      return this.#database.transaction(() => work(this.jobs())).immediate();
    } catch (error) {
      this.#version = null;
      throw error;
    }
  }

  add(job: RememberedJob): void {
    const recipe = job.task === null ? null : this.#recipeOf(job.task.bundle);
    const own = job.task === null ? '' : ownText(job.task);
    this.#statements.add.run(
      ...[job.name, job.startedAt, job.endedAt, recipe?.id ?? null, own, textOf(job.ending)],
    );
    this.#remember(job, recipe);
  }

  /** Records how a job has ended; what is recorded first stays. Returns false if nothing is recorded. */
  conclude(name: string, ending: Ending, endedAt: number): boolean {
    const job = this.#jobs.get(name);
    if (job?.ending !== null) return false;
    this.#statements.conclude.run(textOf(ending), endedAt, name);
    this.#jobs.set(name, { ...job, ending, endedAt });
    return true;
  }

  /** Notes which failure befell a job, for whoever compares it with the diagnosis; it is kept for ever. */
  noteInjected(name: string, failure: FailureClass): void {
    this.#statements.note.run(name, failure);
  }

  forget(name: string): void {
    const bundle = this.#jobs.get(name)?.task?.bundle;
    this.#statements.forget.run(name);
    this.#jobs.delete(name);
    const recipe = bundle === undefined ? undefined : this.#recipes.get(bundle);
    if (recipe === undefined || --recipe.jobs > 0) return;
    this.#statements.forgetRecipe.run(recipe.id);
    this.#recipes.delete(recipe.bundle);
  }

  /** The epoch before which jobs are not taken any more; null if all are. */
  retiredBefore(): string | null {
    return this.#statements.retired.get() ?? null;
  }

  /** Forgets the jobs whose names do not begin with this epoch; returns how many there were. */
  retire(epoch: string): number {
    this.#statements.retire.run(epoch);
    const others = [...this.#jobs.keys()].filter((name) => !name.startsWith(`${epoch}.`));
    for (const name of others) this.forget(name);
    return others.length;
  }

  /** True while somebody has taken the computing element away, by a word in its database. */
  isOut(): boolean {
    return this.#statements.isOut.get() === 1;
  }

  /** When the jobs end that have not ended by a time, in any order. */
  endsAfter(now: number): number[] {
    const ends: number[] = [];
    for (const { endedAt } of this.jobs().values()) if (endedAt > now) ends.push(endedAt);
    return ends;
  }

  /** When the next job ends after a time; infinity if none will. */
  nextEnd(now: number): number {
    let next = Infinity;
    for (const { endedAt } of this.jobs().values()) {
      if (endedAt > now && endedAt < next) next = endedAt;
    }
    return next;
  }

  /** Jobs that run at a time, and that wait then. */
  counts(now: number): { running: number; queued: number } {
    const counts = { running: 0, queued: 0 };
    for (const { endedAt, startedAt } of this.jobs().values()) {
      if (endedAt > now) counts[startedAt <= now ? 'running' : 'queued']++;
    }
    return counts;
  }

  close(): void {
    this.#database.close();
  }

  #read(): void {
    this.#jobs.clear();
    this.#recipes.clear();
    const recipes = new Map<number, Recipe>();
    for (const { id, text } of this.#statements.recipes.all()) {
      // Written by `#recipeOf` only.
      recipes.set(id, { id, text, bundle: JSON.parse(text) as CeBundle, jobs: 0 });
    }
    for (const { ending, own, recipe: id, ...job } of this.#statements.jobs.all()) {
      const recipe = id === null ? null : (recipes.get(id) ?? null);
      this.#remember(
        {
          ...job,
          task: recipe === null ? null : taskOf(recipe.bundle, own),
          fate: null,
          // Written by `textOf` only.
          ending: ending === null ? null : (JSON.parse(ending) as Ending),
        },
        recipe,
      );
    }
  }

  #remember(job: RememberedJob, recipe: Recipe | null): void {
    const { task } = job;
    // One copy of what they have in common.
    const one = task === null || recipe === null || task.bundle === recipe.bundle;
    this.#jobs.set(job.name, one ? job : { ...job, task: { ...task, bundle: recipe.bundle } });
    if (recipe === null) return;
    this.#recipes.set(recipe.bundle, recipe);
    recipe.jobs++;
  }

  #recipeOf(bundle: CeBundle): Recipe {
    const { asked, recipe } = this.#last;
    // Jobs come with their bundle.
    if (asked === bundle && recipe !== null && this.#recipes.has(recipe.bundle)) return recipe;
    const text = JSON.stringify(bundle);
    const known = [...this.#recipes.values()].find((one) => one.text === text);
    const found = known ?? this.#newRecipe(text, bundle);
    this.#last = { asked: bundle, recipe: found };
    return found;
  }

  #newRecipe(text: string, bundle: CeBundle): Recipe {
    const { lastInsertRowid } = this.#statements.addRecipe.run(text);
    return { id: Number(lastInsertRowid), text, bundle, jobs: 0 };
  }
}

function statementsOf(database: Database.Database) {
  return {
    version: database.prepare<[], number>('pragma data_version').pluck(),
    jobs: database.prepare<[], Row>('select * from jobs'),
    recipes: database.prepare<[], Pick<Recipe, 'id' | 'text'>>('select id, text from recipes'),
    add: database.prepare('insert into jobs values (?, ?, ?, ?, ?, ?)'),
    conclude: database.prepare('update jobs set ending = ?, endedAt = ? where name = ?'),
    forget: database.prepare('delete from jobs where name = ?'),
    addRecipe: database.prepare('insert into recipes (text) values (?)'),
    forgetRecipe: database.prepare('delete from recipes where id = ?'),
    note: database.prepare('insert into injected values (?, ?) on conflict do nothing'),
    retired: database.prepare<[], string>('select epoch from retired').pluck(),
    isOut: database.prepare<[], number>('select isOut from trouble').pluck(),
    retire: database.prepare('insert or replace into retired values (1, ?)'),
  };
}

/** Jobs that a version with other tables has remembered count as lost. */
function forgetOldKind(database: Database.Database): void {
  const old = database.prepare(`select 1 from sqlite_schema where name = 'endings'`).get();
  if (old !== undefined) database.exec('drop table endings; drop table jobs');
}

/** A job's own part of its task: a few numbers, and the files that it reads, if any. */
type Own = readonly [
  job: number,
  attempt: number,
  seed: number,
  firstEvent: number,
  events: number,
  index: number,
  files?: CeTask['files'],
  overlay?: CeTask['overlay'],
];

function ownText({ files, job, overlay }: CeTask): string {
  const { attempt, events, firstEvent, index, seed } = job;
  const numbers = [job.job, attempt, seed, firstEvent, events, index] as const;
  const reads = files.length > 0 || overlay.length > 0;
  const own: Own = reads ? [...numbers, files, overlay] : numbers;
  return JSON.stringify(own);
}

function taskOf(bundle: CeBundle, text: string): CeTask {
  // Written by `ownText` only.
  const own = JSON.parse(text) as Own;
  const [job, attempt, seed, firstEvent, events, index, files = [], overlay = []] = own;
  return { bundle, job: { job, attempt, seed, firstEvent, events, index }, files, overlay };
}

const textOf = (ending: Ending | null): string | null =>
  ending === null ? null : JSON.stringify(ending);
