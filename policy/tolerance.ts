import { counted } from '../domain/counted.js';

export type ParkedVerdict =
  { readonly action: 'none' | 'waive' } | { readonly action: 'hold'; readonly why: string };

/**
 * What becomes of parked jobs when nothing else of their block is left to do: given up (`waive`) as long as the production's tolerance
 * covers them, else the production is held for a person.
 */
export function judgeParked(jobs: {
  /** Jobs of the production that make events, planned so far. */
  total: number;
  waived: number;
  parked: number;
  tolerance: number;
}): ParkedVerdict {
  if (jobs.parked === 0) return { action: 'none' };
  const most = Math.floor(jobs.total * jobs.tolerance);
  if (jobs.parked + jobs.waived <= most) return { action: 'waive' };
  return {
    action: 'hold',
    why:
      `${counted(jobs.parked, 'job is', 'jobs are')} parked after the last attempt` +
      // Of merges none can be given up: their inputs are good.
      (jobs.total === 0
        ? ''
        : `; the tolerance allows ${most} of ${jobs.total} to be given up` +
          (jobs.waived > 0 ? `, ${jobs.waived} are already` : '')),
  };
}
