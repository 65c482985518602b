import type { FailureClass } from '../../domain/failure-class.js';
import type { JobKind, JobState } from '../../domain/states/job.js';
import { blocksOf, countsOf } from '../blocks.js';
import type { Db } from '../catalog.js';
import { STAGE_KINDS } from '../jobs.js';

/** A job as a line of a list, with its latest attempt. */
export interface JobSummary {
  readonly job: number;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly block: number;
  readonly firstEvent: number;
  readonly events: number;
  readonly seed: number;
  /** 0 before the first. */
  readonly attempt: number;
  readonly site: string | null;
  readonly class: FailureClass | null;
  readonly exitCode: number | null;
  readonly reason: string;
}

export interface JobFilter {
  readonly state?: JobState | undefined;
  /** Jobs with an attempt that failed so, whatever became of it. */
  readonly class?: FailureClass | undefined;
  /** Jobs whose latest attempt is there. */
  readonly site?: string | undefined;
  readonly limit: number;
}

/** Jobs in order of their numbers; `more` tells that there are others beyond the limit. */
export async function listJobs(
  db: Db,
  production: number,
  filter: JobFilter,
): Promise<{ jobs: JobSummary[]; more: boolean }> {
  const { state, class: failure, site } = filter;
  const blocks = state === undefined ? null : await blocksWith(db, production, state);
  if (blocks?.length === 0) return { jobs: [], more: false };
  const jobs = await db
    .selectFrom('jobs as j')
    .leftJoin('attempts as a', (join) =>
      join
        .onRef('a.production_id', '=', 'j.production_id')
        .onRef('a.job', '=', 'j.number')
        .onRef('a.attempt', '=', 'j.attempt'),
    )
    .select([
      'j.number as job',
      'j.kind',
      'j.state',
      'j.block',
      'j.first_event as firstEvent',
      'j.events',
      'j.seed',
      'j.attempt',
      'a.site',
      'a.class',
      'a.exit_code as exitCode',
      'a.reason',
    ])
    .where('j.production_id', '=', production)
    .$if(state !== undefined, (query) =>
      // Block and kind lead the index that knows the state.
      query
        .where('j.block', 'in', blocks ?? [])
        .where('j.kind', 'in', [...STAGE_KINDS.events, ...STAGE_KINDS.merge])
        .where('j.state', '=', state ?? 'Waiting'),
    )
    .$if(site !== undefined, (query) => query.where('a.site', '=', site ?? ''))
    .$if(failure !== undefined, (query) =>
      query.where('j.number', 'in', (eb) =>
        eb
          .selectFrom('attempts as f')
          .select('f.job')
          .where('f.production_id', '=', production)
          .where('f.class', '=', failure ?? 'control'),
      ),
    )
    .orderBy('j.number')
    .limit(filter.limit + 1)
    .execute();
  return {
    jobs: jobs.slice(0, filter.limit).map((row) => ({ ...row, reason: row.reason ?? '' })),
    more: jobs.length > filter.limit,
  };
}

/** Blocks that have jobs in this state, by their counters. */
async function blocksWith(db: Db, production: number, state: JobState): Promise<number[]> {
  return (await blocksOf(db, production))
    .filter((block) => {
      const { jobs, merges } = countsOf(block);
      return (jobs[state] ?? 0) + (merges[state] ?? 0) > 0;
    })
    .map((block) => block.number);
}
