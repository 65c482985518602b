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
}): { action: 'none' | 'waive' } | { action: 'hold'; why: string } {
  if (jobs.parked === 0) return { action: 'none' };
  const most = Math.floor(jobs.total * jobs.tolerance);
  if (jobs.parked + jobs.waived <= most) return { action: 'waive' };
  return {
    action: 'hold',
    why:
      `${jobs.parked} jobs are parked after their last attempt; the tolerance allows ${most} of ${jobs.total} to be given up` +
      (jobs.waived > 0 ? `, ${jobs.waived} are already` : ''),
  };
}
