import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { openCatalog } from '../../catalog/open.js';

/**
 * A completed production of 30 events in a catalog and on storages, written by plain SQL and plain files:
 *
 *   block 0   job 1 (scout, events 1-10)                              merged by job 4
 *   block 1   job 2 (11-20; attempt 1 failed), job 3 (21-30)          merged by job 5
 *
 * Merged files have a copy on A-DISK (asia) and one on B-DISK (america); the outputs lay on TMP and have been removed.
 */
export interface SmallProduction {
  /** The catalog's file. */
  readonly file: string;
  readonly epoch: string;
  readonly database: Database.Database;
  /** Absolute path of something on a storage; `filePath` begins with a slash, below the epoch. */
  on(storage: string, filePath: string): string;
  /** Writes a file onto a storage, below the epoch. */
  put(storage: string, filePath: string, content: string): void;
}

const DEFINITION = {
  name: 'small',
  events: 30,
  dataset: { campaign: 'test', dataLevel: 'mdst' },
  fabrication: {
    payload: [{ name: 'gen.mjs', lfn: '/belle/sandbox/ab/gen.mjs', storage: 'A-DISK' }],
    outputs: [{ file: 'out.jsonl' }],
  },
  merge: { payload: [] },
  distribution: { copies: 2, areas: ['asia', 'america'] },
};

const JOBS = [
  { number: 1, block: 0, kind: 'scout', attempt: 1, seed: 101, first: 1, events: 10, index: 1 },
  {
    number: 2,
    block: 1,
    kind: 'fabrication',
    attempt: 2,
    seed: 102,
    first: 11,
    events: 10,
    index: 2,
  },
  {
    number: 3,
    block: 1,
    kind: 'fabrication',
    attempt: 1,
    seed: 103,
    first: 21,
    events: 10,
    index: 3,
  },
  { number: 4, block: 0, kind: 'merge', attempt: 1, seed: 0, first: 0, events: 10, index: 1 },
  { number: 5, block: 1, kind: 'merge', attempt: 1, seed: 0, first: 0, events: 20, index: 2 },
] as const;

const STORAGES = [
  { name: 'TMP', area: 'asia', purpose: 'temporary' },
  { name: 'A-DISK', area: 'asia', purpose: 'final' },
  { name: 'B-DISK', area: 'america', purpose: 'final' },
];

/** The merged file of the second block; its content is the events 11 to 30. */
export const SECOND_MERGED = mergedLfn(2, 5);

export function unmergedLfn(index: number, job: number, attempt: number): string {
  return `/belle/MC/fab/prod00000001/mdst/sub00/${fileName(index, job, attempt)}`;
}

function mergedLfn(index: number, job: number): string {
  return `/belle/MC/prod00000001/mdst/sub00/${fileName(index, job, 1)}`;
}

function fileName(index: number, job: number, attempt: number): string {
  const task = String(job).padStart(8, '0') + String(attempt).padStart(3, '0');
  return `mdst_${String(index).padStart(6, '0')}_prod00000001_task${task}.jsonl`;
}

/** Lines of JSON for events from `first` to `last`. */
export function eventLines(first: number, last: number): string {
  let text = '';
  for (let event = first; event <= last; event++) text += `{"event":${event}}\n`;
  return text;
}

/** adler32 as its definition has it. */
export function adler32(text: string): string {
  let low = 1;
  let high = 0;
  for (const byte of Buffer.from(text)) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return (high * 65_536 + low).toString(16).padStart(8, '0');
}

/** Builds the production in an empty folder. Only the tables are made by the product; see the file's head for the rest. */
export async function buildSmallProduction(folder: string): Promise<SmallProduction> {
  const file = path.join(folder, 'catalog.db');
  const catalog = await openCatalog({ file });
  const { epoch } = catalog;
  await catalog.close();
  const database = new Database(file);
  database.pragma('foreign_keys = ON');
  // Tests make of it what could never come to be.
  for (const { name } of database
    .prepare<[], { name: string }>(`select name from sqlite_master where type = 'trigger'`)
    .all()) {
    database.exec(`drop trigger ${name}`);
  }
  const on = (storage: string, filePath: string): string =>
    path.join(folder, storage, epoch, filePath);
  const small: SmallProduction = {
    file,
    epoch,
    database,
    on,
    put(storage, filePath, content) {
      mkdirSync(path.dirname(on(storage, filePath)), { recursive: true });
      writeFileSync(on(storage, filePath), content);
    },
  };
  database.transaction(() => {
    insertResources(database, folder);
    insertProduction(database);
    insertJobs(database);
    insertFiles(small);
  })();
  return small;
}

function insertResources(database: Database.Database, folder: string): void {
  for (const { name, area, purpose } of STORAGES) {
    const root = path.join(folder, name);
    mkdirSync(root);
    database
      .prepare(
        `insert into storages (name, area, kind, state, updated_at, root, purpose)
         values (?, ?, 'directory', 'Active', 1, ?, ?)`,
      )
      .run(name, area, root, purpose);
  }
  database.exec(
    `insert into sites (name, area, kind, state, updated_at, slots, hs23_per_core, storages)
     values ('KMI', 'asia', 'local', 'Active', 1, 2, 10, '["TMP"]')`,
  );
}

function insertProduction(database: Database.Database): void {
  database.exec(`
    insert into campaigns (name, next_seed) values ('test', 104);
    insert into productions (id, name, group_name, owner, description, campaign, priority, state, reason, revision,
                             events, created_at, updated_at, finished_at)
    values (1, 'small', 'production', 'me', '', 'test', 5, 'Completed', '30 of 30 events are made', 1, 30, 1, 9, 9);
    insert into blocks (production_id, number, state, reason, home_storage, first_job, jobs, first_event, events, waiting,
                        counts, created_at, updated_at)
    values (1, 0, 'Finished', '', 'TMP', 1, 1, 1, 10, 0, '{}', 1, 9), (1, 1, 'Finished', '', 'TMP', 2, 2, 11, 20, 0, '{}', 1, 9);
    insert into bundles (id, production_id, block, kind, site, ticket, jobs, destinations, placed_at, cleared_at)
    values (1, 1, 0, 'scout', 'KMI', 't', 5, '["TMP"]', 1, 9);`);
  database
    .prepare(
      `insert into revisions (production_id, revision, definition, digest, lfn_scheme, submitted_by, created_at)
       values (1, 1, ?, 'digest', '{}', 'me', 1)`,
    )
    .run(JSON.stringify(DEFINITION));
}

function insertJobs(database: Database.Database): void {
  const insertJob = database.prepare(
    `insert into jobs (production_id, number, block, kind, state, attempt, charged, seed, first_event, events, file_index,
                       level, not_before, avoid, raised)
     values (1, @number, @block, @kind, 'Done', @attempt, 0, @seed, @first, @events, @index, @level, 0, '[]', 0)`,
  );
  const insertAttempt = database.prepare(
    `insert into attempts (production_id, job, attempt, bundle, site, state, placed_at, ended_at, ce_id, node, class, reason, log_tail)
     values (1, ?, ?, 1, 'KMI', ?, 1, 2, '', 'node', ?, ?, '')`,
  );
  for (const job of JOBS) {
    insertJob.run({ ...job, level: job.kind === 'merge' ? 'mdst' : null });
    insertAttempt.run(job.number, job.attempt, 'Done', null, '');
  }
  insertAttempt.run(2, 1, 'Failed', 'payload-error', 'the payload ended with exit code 1');
}

function insertFiles({ database, epoch, put }: SmallProduction): void {
  const insertFile = database.prepare(
    `insert into files (id, lfn, production_id, job, attempt, kind, level, state, size, adler32, events, metadata, created_at)
     values (@id, @lfn, @production, @job, @attempt, @kind, @level, @state, @size, @adler32, @events, '{}', 1)`,
  );
  const insertReplica = database.prepare(
    `insert into replicas (file_id, storage, path, state, created_at) values (?, ?, ?, 'Available', 1)`,
  );
  const add = (
    row: { id: number; lfn: string; job: number | null; attempt: number | null; kind: string },
    content: string,
    storages: readonly string[],
  ): void => {
    insertFile.run({
      ...row,
      production: row.job === null ? null : 1,
      level: row.kind === 'sandbox' ? 'sandbox' : 'mdst',
      state: storages.length > 0 ? 'Valid' : 'Removed',
      size: content.length,
      adler32: adler32(content),
      events: row.kind === 'sandbox' ? null : content.split('\n').length - 1,
    });
    for (const storage of storages) {
      insertReplica.run(row.id, storage, `/${epoch}${row.lfn}`);
      put(storage, row.lfn, content);
    }
  };
  const sandbox = { id: 1, lfn: '/belle/sandbox/ab/gen.mjs', job: null, attempt: null };
  add({ ...sandbox, kind: 'sandbox' }, 'export {};\n', ['A-DISK']);
  for (const job of JOBS) {
    const { number, attempt, index, first } = job;
    const row = { id: number + 1, job: number, attempt };
    if (job.kind === 'merge') {
      const lfn = mergedLfn(index, number);
      const lines = number === 4 ? eventLines(1, 10) : eventLines(11, 30);
      add({ ...row, lfn, kind: 'merged' }, lines, ['A-DISK', 'B-DISK']);
    } else {
      const lfn = unmergedLfn(index, number, attempt);
      add({ ...row, lfn, kind: 'output' }, eventLines(first, first + 9), []);
    }
  }
  database.exec(`
    insert into job_inputs (production_id, job, position, file_id) values (1, 4, 0, 2), (1, 5, 0, 3), (1, 5, 1, 4);
    insert into file_parents (file_id, parent_id) values (5, 2), (6, 3), (6, 4);`);
}

/** Removes a file from a storage, below the epoch. */
export function remove(small: SmallProduction, storage: string, filePath: string): void {
  rmSync(small.on(storage, filePath));
}
