import type { Selectable } from 'kysely';
import type { FailureClass } from '../domain/failure-class.js';
import { addCounts, NO_COUNTS, type BlockCounts, type JobCounts } from '../domain/progress.js';
import { BLOCK_TRANSITIONS, type BlockState } from '../domain/states/block.js';
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
  return JSON.parse(block.counts) as BlockCounts;
}

/** Counts the jobs of a block again, after they have changed; adds newly failed attempts to those counted before. */
export async function recountBlock(
  db: Db,
  key: BlockKey,
  newFailures: Partial<Record<FailureClass, number>> = {},
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
    .groupBy(['kind', 'state', 'level'])
    .execute();
  const before = await getBlock(db, key);
  let jobs: JobCounts = {};
  let merges: JobCounts = {};
  let made = 0;
  let waived = 0;
  let waiting = 0;
  const merged = new Map<string, number>();
  for (const row of rows) {
    if (row.state === 'Waiting') waiting += row.jobs;
    if (row.kind === 'merge') {
      merges = addCounts(merges, { [row.state]: row.jobs });
      if (row.state === 'Done') {
        const level = row.level ?? '';
        merged.set(level, (merged.get(level) ?? 0) + Number(row.events));
      }
    } else {
      jobs = addCounts(jobs, { [row.state]: row.jobs });
      if (row.state === 'Done') made += Number(row.events);
      if (row.state === 'Waived') waived += Number(row.events);
    }
  }
  const counts: BlockCounts = {
    jobs,
    merges,
    made,
    waived,
    merged: Math.max(0, ...merged.values()),
    failures: addCounts((JSON.parse(before.counts) as BlockCounts).failures, newFailures),
  };
  await db
    .updateTable('blocks')
    .set({ counts: JSON.stringify(counts), waiting })
    .where('production_id', '=', key.production)
    .where('number', '=', key.block)
    .execute();
  return counts;
}

/** Adds a block in state `Planned`, without its jobs. */
export async function insertBlock(
  db: Db,
  block: Pick<
    BlockRow,
    'production_id' | 'number' | 'home_storage' | 'first_job' | 'jobs' | 'first_event' | 'events'
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
