import type { Selectable } from 'kysely';
import type { FailureClass } from '../domain/failure-class.js';
import { addCounts, NO_COUNTS, type BlockCounts, type JobCounts } from '../domain/progress.js';
import { BLOCK_TRANSITIONS, type BlockState } from '../domain/states/block.js';
import type { JobKind, JobState } from '../domain/states/job.js';
import { assertTransition } from '../domain/transition.js';
import type { Db } from './catalog.js';
import type { BlockTable } from './tables.js';

export type BlockRow = Selectable<BlockTable>;

/** What names a block. */
export interface BlockKey {
  readonly production: number;
  readonly block: number;
}

export async function getBlock(db: Db, key: BlockKey): Promise<BlockRow> {
  return db
    .selectFrom('blocks')
    .selectAll()
    .where('production_id', '=', key.production)
    .where('number', '=', key.block)
    .executeTakeFirstOrThrow();
}

/** All blocks of a production in order. */
export async function blocksOf(db: Db, production: number): Promise<BlockRow[]> {
  return db
    .selectFrom('blocks')
    .selectAll()
    .where('production_id', '=', production)
    .orderBy('number')
    .execute();
}

/** Changes the state of a block; afterwards the given row is as in the catalog. Throws `FABRICA_TRANSITION_FORBIDDEN`. */
export async function changeBlockState(
  db: Db,
  block: BlockRow,
  change: { to: BlockState; why: string; now: number },
): Promise<void> {
  assertTransition(
    BLOCK_TRANSITIONS,
    `block ${block.number} of production ${block.production_id}`,
    block.state,
    change.to,
  );
  const update = {
    state: change.to,
    resume_state: change.to === 'Held' ? (block.resume_state ?? block.state) : null,
    reason: change.why,
    updated_at: change.now,
  };
  await db
    .updateTable('blocks')
    .set(update)
    .where('production_id', '=', block.production_id)
    .where('number', '=', block.number)
    .execute();
  Object.assign(block, update);
}

export function countsOf(block: Pick<BlockRow, 'counts'>): BlockCounts {
  return { ...NO_COUNTS, ...(JSON.parse(block.counts) as BlockCounts) };
}

/** Jobs of a stage that wait to be placed. */
export function waitingIn(block: Pick<BlockRow, 'counts'>, stage: 'events' | 'merge'): number {
  const { jobs, merges } = countsOf(block);
  return (stage === 'merge' ? merges : jobs).Waiting ?? 0;
}

/** Counts the jobs of a block again, after they have changed; adds newly failed attempts to those counted before. */
export async function recountBlock(
  db: Db,
  key: BlockKey,
  newFailures: Partial<Record<FailureClass, number>> = {},
): Promise<BlockCounts> {
  return recount(db, key, ['scout', 'fabrication', 'merge', 'probe'], newFailures);
}

/** The same after a change of its merges alone: they are few among its jobs. */
export async function recountMerges(
  db: Db,
  key: BlockKey,
  newFailures: Partial<Record<FailureClass, number>> = {},
): Promise<BlockCounts> {
  return recount(db, key, ['merge'], newFailures);
}

async function recount(
  db: Db,
  key: BlockKey,
  kinds: readonly JobKind[],
  newFailures: Partial<Record<FailureClass, number>>,
): Promise<BlockCounts> {
  const rows = await db
    .selectFrom('jobs')
    .select((eb) => [
      'kind',
      'state',
      'level',
      eb.fn.countAll<number>().as('jobs'),
      eb.fn.sum<number>('events').as('events'),
    ])
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('kind', 'in', kinds)
    .groupBy(['kind', 'state', 'level'])
    .execute();
  const block = await getBlock(db, key);
  const before = countsOf(block);
  const made = rows.filter(({ kind }) => kind !== 'merge');
  const counts: BlockCounts = {
    ...before,
    ...(kinds.length === 1 ? {} : madeCounts(made)),
    ...mergeCounts(rows.filter(({ kind }) => kind === 'merge')),
    failures: addCounts(before.failures, newFailures),
  };
  await saveCounts(db, block, counts, (counts.jobs.Waiting ?? 0) + (counts.merges.Waiting ?? 0));
  return counts;
}

interface CountedJobs {
  readonly state: JobState;
  readonly level: string | null;
  readonly jobs: number;
  readonly events: number | string;
}

function madeCounts(rows: readonly CountedJobs[]): Pick<BlockCounts, 'jobs' | 'made' | 'waived'> {
  const eventsIn = (state: JobState): number =>
    rows.reduce((sum, row) => sum + (row.state === state ? Number(row.events) : 0), 0);
  return { jobs: jobCounts(rows), made: eventsIn('Done'), waived: eventsIn('Waived') };
}

function mergeCounts(rows: readonly CountedJobs[]): Pick<BlockCounts, 'merges' | 'merged'> {
  const merged = new Map<string, number>();
  for (const { events, level, state } of rows) {
    if (state === 'Done') merged.set(level ?? '', (merged.get(level ?? '') ?? 0) + Number(events));
  }
  return { merges: jobCounts(rows), merged: Math.max(0, ...merged.values()) };
}

function jobCounts(rows: readonly CountedJobs[]): JobCounts {
  return rows.reduce<JobCounts>(
    (counts, { jobs, state }) => addCounts(counts, { [state]: jobs }),
    {},
  );
}

/** Notes the final files of a block that is distributed. */
export async function countFinalFiles(
  db: Db,
  block: BlockRow,
  files: readonly { readonly size: number }[],
): Promise<void> {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  await saveCounts(db, block, { ...countsOf(block), files: files.length, bytes }, block.waiting);
}

/** Jobs that make events and have changed their state, and their events in all. */
export interface MovedJobs {
  readonly from: JobState;
  readonly to: JobState;
  readonly jobs: number;
  /** Where they matter: of those that are or were `Done` or `Waived`. */
  readonly events: number;
}

/** As `recountBlock`, from what has just changed: for the many small changes of a block whose merges stay as they are. */
export async function countMoves(
  db: Db,
  block: BlockRow,
  moves: readonly MovedJobs[],
  newFailures: Partial<Record<FailureClass, number>> = {},
): Promise<void> {
  const before = countsOf(block);
  const gained = (state: JobState, value: (move: MovedJobs) => number): number =>
    moves.reduce(
      (sum, move) =>
        sum + (move.to === state ? value(move) : 0) - (move.from === state ? value(move) : 0),
      0,
    );
  const states = new Set(moves.flatMap(({ from, to }) => [from, to]));
  const jobs = addCounts(
    before.jobs,
    Object.fromEntries([...states].map((state) => [state, gained(state, (move) => move.jobs)])),
  );
  const counts: BlockCounts = {
    ...before,
    jobs: Object.fromEntries(Object.entries(jobs).filter(([, count]) => count !== 0)),
    made: before.made + gained('Done', (move) => move.events),
    waived: before.waived + gained('Waived', (move) => move.events),
    failures: addCounts(before.failures, newFailures),
  };
  await saveCounts(db, block, counts, block.waiting + gained('Waiting', (move) => move.jobs));
}

async function saveCounts(
  db: Db,
  block: BlockRow,
  counts: BlockCounts,
  waiting: number,
): Promise<void> {
  const update = { counts: JSON.stringify(counts), waiting };
  await db
    .updateTable('blocks')
    .set(update)
    .where('production_id', '=', block.production_id)
    .where('number', '=', block.number)
    .execute();
  Object.assign(block, update);
}

/** Adds a block in state `Planned`, without its jobs. */
export async function insertBlock(
  db: Db,
  block: Pick<
    BlockRow,
    | 'production_id'
    | 'number'
    | 'home_storage'
    | 'first_job'
    | 'jobs'
    | 'first_event'
    | 'events'
    | 'last_input'
  > & { now: number },
): Promise<BlockRow> {
  const { now, ...columns } = block;
  return db
    .insertInto('blocks')
    .values({
      ...columns,
      state: 'Planned',
      resume_state: null,
      reason: '',
      waiting: block.jobs,
      counts: JSON.stringify({ ...NO_COUNTS, jobs: { Waiting: block.jobs } } satisfies BlockCounts),
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The events that the blocks of a production are to make, and their jobs that wait. */
export async function plannedWork(
  db: Db,
  production: number,
): Promise<{ events: number; waiting: number }> {
  const row = await db
    .selectFrom('blocks')
    .select((eb) => [
      eb.fn.sum<number | null>('events').as('events'),
      eb.fn.sum<number | null>('waiting').as('waiting'),
    ])
    .where('production_id', '=', production)
    .where('state', '<>', 'Discarded')
    .executeTakeFirstOrThrow();
  return { events: row.events ?? 0, waiting: row.waiting ?? 0 };
}

/** Unfinished blocks by home storage, over all productions. */
export async function blocksByHome(db: Db): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('blocks')
    .select((eb) => ['home_storage', eb.fn.countAll<number>().as('blocks')])
    .where('state', 'not in', ['Finished', 'Discarded'])
    .groupBy('home_storage')
    .execute();
  return new Map(rows.map((row) => [row.home_storage, row.blocks]));
}
