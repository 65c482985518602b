import { sql, type RawBuilder, type Selectable } from 'kysely';
import type { JobKind, JobState } from '../domain/states/job.js';
import { JOB_TRANSITIONS } from '../domain/states/job.js';
import { assertTransition } from '../domain/transition.js';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { eachRow, insertRows } from './each-row.js';
import type { JobTable } from './tables.js';

/** A job that begins anew: nothing that it has met before counts against it. */
export const ANEW = { charged: 0, uncharged: 0, not_before: 0, avoid: '[]' };

export type JobRow = Selectable<JobTable>;

/** Kinds of jobs that make events, and those that join files. */
export const STAGE_KINDS = {
  events: ['scout', 'fabrication'],
  merge: ['merge'],
} as const satisfies Record<string, readonly JobKind[]>;
export type JobStage = keyof typeof STAGE_KINDS;

/** A job to be made; seeds and numbers are given out by the caller. */
export interface NewJob {
  readonly number: number;
  readonly seed: number;
  readonly first_event: number;
  readonly events: number;
  readonly file_index: number;
  readonly level: string | null;
  /** 1 for the definition's full limits from the first attempt on. */
  readonly raised?: number;
  /** The job that it is a part of. */
  readonly split_from?: number;
}

/** Adds jobs of one kind to a block, in state `Waiting`. */
export async function insertJobs(
  db: Db,
  key: BlockKey,
  kind: JobKind,
  jobs: readonly NewJob[],
): Promise<void> {
  await insertRows(
    db,
    {
      into: `jobs (production_id, number, block, kind, state, attempt, charged, uncharged, seed, first_event,
                   events, file_index, level, not_before, avoid, raised, split_from)`,
      values: `(?, ?, ?, ?, 'Waiting', 0, 0, 0, ?, ?, ?, ?, ?, 0, '[]', ?, ?)`,
    },
    jobs.map((job) => [
      ...[key.production, job.number, key.block, kind],
      ...[job.seed, job.first_event, job.events, job.file_index, job.level],
      ...[job.raised ?? 0, job.split_from ?? null],
    ]),
  );
}

/** The next number for a job of a production, and the next file index for its outputs of this stage. */
export async function nextJobNumbers(
  db: Db,
  production: number,
  stage: JobStage,
): Promise<{ number: number; index: number }> {
  const last = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.max('number').as('number'))
    .where('production_id', '=', production)
    .executeTakeFirst();
  // The highest index is that of the last job: both grow together.
  const index = await db
    .selectFrom('jobs')
    .select('file_index as index')
    .where('production_id', '=', production)
    .where('kind', 'in', [...STAGE_KINDS[stage]])
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { number: Number(last?.number ?? 0) + 1, index: Number(index?.index ?? 0) + 1 };
}

/** True for jobs that wait. NOTE: written out, for SQLite uses the index `jobs_waiting` only where it sees its condition. */
export const isWaiting: RawBuilder<boolean> = sql<boolean>`jobs.state = 'Waiting'`;

/** What `place` must know of a job. */
export type PlaceableJob = Pick<
  JobRow,
  | 'number'
  | 'kind'
  | 'raised'
  | 'level'
  | 'avoid'
  | 'file_index'
  | 'not_before'
  | 'charged'
  | 'uncharged'
>;

/**
 * Jobs of a block that may be placed now, the lowest numbers first: at most `limit` that may go anywhere, and of those before them at most
 * `avoiding` that avoid sites, so that however many wait for another site to have room, the others are found.
 */
export async function placeableJobs(
  db: Db,
  key: BlockKey,
  stage: JobStage,
  options: { now: number; limit: number; avoiding: number },
): Promise<PlaceableJob[]> {
  const { avoiding, limit, now } = options;
  if (limit === 0) return [];
  const first = (kind: JobKind, comparison: '=' | '<>', most: number, last: number) =>
    db
      .selectFrom('jobs')
      .select(['number', 'kind', 'raised', 'level', 'avoid', 'file_index', 'not_before'])
      .select(['charged', 'uncharged'])
      .where('production_id', '=', key.production)
      .where('block', '=', key.block)
      .where('kind', '=', kind)
      .where(isWaiting)
      .where('not_before', '<=', now)
      .where('avoid', comparison, '[]')
      .where('number', '<=', last)
      .orderBy('number')
      .limit(most)
      .execute();
  const some = async (comparison: '=' | '<>', most: number, last: number) => {
    const jobs: PlaceableJob[] = [];
    // One kind at a time: then the index gives them in order, and no more than the limit is read.
    for (const kind of STAGE_KINDS[stage])
      jobs.push(...(await first(kind, comparison, most, last)));
    return inOrder(jobs).slice(0, most);
  };
  const anywhere = await some('=', limit, LAST_JOB);
  const last = anywhere.length < limit ? undefined : anywhere.at(-1);
  return inOrder([...anywhere, ...(await some('<>', avoiding, last?.number ?? LAST_JOB))]);
}

/** No job has a higher number. */
const LAST_JOB = Number.MAX_SAFE_INTEGER;

const inOrder = (jobs: PlaceableJob[]): PlaceableJob[] => jobs.sort((a, b) => a.number - b.number);

/** How many jobs of a stage may be placed now, counted up to a limit; and since when the first of those may, ms. */
export async function countPlaceable(
  db: Db,
  key: BlockKey,
  stage: JobStage,
  { limit, now }: { now: number; limit: number },
): Promise<{ jobs: number; since: number }> {
  const some = db
    .selectFrom('jobs')
    .select('not_before')
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('kind', 'in', [...STAGE_KINDS[stage]])
    .where(isWaiting)
    .where('not_before', '<=', now)
    .limit(limit);
  const row = await db
    .selectFrom(some.as('some'))
    .select((eb) => [
      eb.fn.countAll<number>().as('jobs'),
      eb.fn.min<number | null>('not_before').as('since'),
    ])
    .executeTakeFirstOrThrow();
  return { jobs: row.jobs, since: row.since ?? now };
}

/** When the first waiting job of a stage may be placed (ms); null if none waits. */
export async function firstPlacement(
  db: Db,
  key: BlockKey,
  stage: JobStage,
): Promise<number | null> {
  const row = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.min<number | null>('not_before').as('from'))
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('kind', 'in', [...STAGE_KINDS[stage]])
    .where(isWaiting)
    .executeTakeFirstOrThrow();
  return row.from;
}

/** What becomes of a job after an attempt. */
export interface JobChange {
  readonly number: number;
  readonly from: JobState;
  readonly state: JobState;
  readonly charged: number;
  readonly uncharged: number;
  readonly not_before: number;
  /** JSON list of sites; null for none. */
  readonly avoid: string | null;
  readonly raised: number;
}

/** Applies changes to jobs of one production, each checked against the transition table. */
export async function changeJobs(
  db: Db,
  production: number,
  changes: readonly JobChange[],
): Promise<void> {
  if (changes.length === 0) return;
  for (const change of changes) {
    assertTransition(
      JOB_TRANSITIONS,
      () => `job ${change.number} of production ${production}`,
      change.from,
      change.state,
    );
  }
  await eachRow(
    db,
    `update jobs set state = ?, charged = ?, uncharged = ?, not_before = ?, avoid = ?, raised = ?
     where production_id = ? and number between ? and ?`,
    alikeInRow(changes).map(({ change, last }) => [
      ...[change.state, change.charged, change.uncharged, change.not_before],
      ...[change.avoid ?? '[]', change.raised, production, change.number, last],
    ]),
  );
}

/** Changes that are the same for jobs whose numbers follow each other: most have passed, and those are a few statements. */
function alikeInRow(changes: readonly JobChange[]): { change: JobChange; last: number }[] {
  const runs: { change: JobChange; last: number }[] = [];
  for (const change of [...changes].sort((a, b) => a.number - b.number)) {
    const run = runs.at(-1);
    if (run?.last === change.number - 1 && areAlike(run.change, change)) run.last = change.number;
    else runs.push({ change, last: change.number });
  }
  return runs;
}

function areAlike(one: JobChange, other: JobChange): boolean {
  return (
    one.state === other.state &&
    one.charged === other.charged &&
    one.uncharged === other.uncharged &&
    one.not_before === other.not_before &&
    one.avoid === other.avoid &&
    one.raised === other.raised
  );
}

/** Has waiting jobs wait on until then, ms. */
export async function postponeJobs(
  db: Db,
  production: number,
  jobs: readonly number[],
  until: number,
): Promise<void> {
  const rows = rowsOf(
    jobs.map((number) => ({ number })),
    { number: 'integer' },
  );
  await sql`
    update jobs set not_before = ${until} from ${rows} as r
    where jobs.production_id = ${production} and jobs.number = r.number and jobs.state = 'Waiting'`.execute(
    db,
  );
}

/** Moves every job of these kinds in a block from one state to another; returns their numbers. */
export async function moveJobs(
  db: Db,
  key: BlockKey,
  stage: JobStage | 'all',
  from: JobState,
  to: JobState,
): Promise<number[]> {
  assertTransition(JOB_TRANSITIONS, `jobs of production ${key.production}`, from, to);
  const rows = await db
    .updateTable('jobs')
    .set({ state: to, ...(to === 'Waiting' ? ANEW : {}) })
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('state', '=', from)
    .$if(stage !== 'all', (query) =>
      query.where('kind', 'in', stage === 'all' ? [] : [...STAGE_KINDS[stage]]),
    )
    .returning('number')
    .execute();
  return rows.map((row) => row.number);
}
