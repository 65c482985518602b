import { sql } from 'kysely';
import type { AttemptKey } from '../domain/bundle.js';
import type { FailureClass } from '../domain/failure-class.js';
import { JOB_TRANSITIONS, type JobState } from '../domain/states/job.js';
import { assertTransition } from '../domain/transition.js';
import { blocksOf, countsOf } from './blocks.js';
import type { Db } from './catalog.js';
import { STAGE_KINDS } from './jobs.js';
import type { MadeJob } from './reprocess.js';

/** Jobs of a production in one of these states, by where their latest attempt was and how it failed. */
export async function jobsInStates(
  db: Db,
  production: number,
  filter: {
    readonly states: readonly JobState[];
    readonly class?: FailureClass | undefined;
    readonly site?: string | undefined;
  },
): Promise<MadeJob[]> {
  const blocks = (await blocksOf(db, production)).filter((block) => {
    const { jobs, merges } = countsOf(block);
    return filter.states.some((state) => (jobs[state] ?? 0) + (merges[state] ?? 0) > 0);
  });
  if (blocks.length === 0) return [];
  return (
    db
      .selectFrom('jobs as j')
      .leftJoin('attempts as a', (join) =>
        join
          .onRef('a.production_id', '=', 'j.production_id')
          .onRef('a.job', '=', 'j.number')
          .onRef('a.attempt', '=', 'j.attempt'),
      )
      .select(['j.number', 'j.block', 'j.kind', 'j.state'])
      .where('j.production_id', '=', production)
      // Block and kind lead the index that knows the state.
      .where(
        'j.block',
        'in',
        blocks.map(({ number }) => number),
      )
      .where('j.kind', 'in', [...STAGE_KINDS.events, ...STAGE_KINDS.merge])
      .where('j.state', 'in', [...filter.states])
      .$if(filter.class !== undefined, (query) =>
        query.where('a.class', '=', filter.class ?? 'control'),
      )
      .$if(filter.site !== undefined, (query) => query.where('a.site', '=', filter.site ?? ''))
      .orderBy('j.number')
      .execute()
  );
}

/** Moves these jobs on from a state; those that wait begin anew. */
export async function moveSelected(
  db: Db,
  production: number,
  jobs: readonly number[],
  from: JobState,
  to: JobState,
): Promise<void> {
  assertTransition(JOB_TRANSITIONS, `jobs of production ${production}`, from, to);
  const fresh = to === 'Waiting' ? { charged: 0, uncharged: 0, not_before: 0, avoid: '[]' } : {};
  await db
    .updateTable('jobs')
    .set({ state: to, ...fresh })
    .where('production_id', '=', production)
    .where('number', 'in', numbers(jobs))
    .where('state', '=', from)
    .execute();
}

/** A person has given these jobs up: the attempts that are open are to be ended. */
export async function markKilled(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ killed: 1 })
    .where('production_id', '=', production)
    .where('number', 'in', numbers(jobs))
    .execute();
}

/** Open attempts of jobs that were given up, by bundle. */
export async function killedAttempts(
  db: Db,
  production: number,
): Promise<
  (AttemptKey & { readonly bundle: number; readonly block: number; readonly site: string })[]
> {
  // The literals are those of the index.
  const { rows } = await sql<AttemptKey & { bundle: number; block: number; site: string }>`
    select j.number as job, j.attempt, j.block, a.bundle, a.site
    from jobs j indexed by jobs_killed
    join attempts a on a.production_id = j.production_id and a.job = j.number and a.attempt = j.attempt
    where j.production_id = ${production} and j.killed = 1 and j.state in ('Submitted', 'Running')
      and a.state in ('Submitted', 'Running')
    order by a.bundle, j.number`.execute(db);
  return rows;
}

function numbers(list: readonly number[]) {
  return sql<number>`(select value from json_each(${JSON.stringify(list)}))`;
}
