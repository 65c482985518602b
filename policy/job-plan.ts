/** A block to be made: so many jobs of so many events each, the last one with the rest. */
export interface BlockPlan {
  readonly firstEvent: number;
  /** Events of each job, in order. */
  readonly jobEvents: readonly number[];
  /** The input files of each job, in order, of a production that has some; and the position of the last of them. */
  readonly jobFiles?: readonly (readonly number[])[];
  readonly lastInput?: number;
}

/**
 * The next block of a production whose first `planned` of `events` events are in blocks already; null when all are. A rest
 * of less than half a block goes into the last block, so that no block is too small to merge well.
 */
export function planBlock(production: {
  events: number;
  planned: number;
  eventsPerJob: number;
  blockJobs: number;
}): BlockPlan | null {
  const left = production.events - production.planned;
  if (left <= 0) return null;
  const jobsLeft = Math.ceil(left / production.eventsPerJob);
  const jobs = jobsLeft <= production.blockJobs * 1.5 ? jobsLeft : production.blockJobs;
  return {
    firstEvent: production.planned + 1,
    jobEvents: splitEvents(Math.min(left, jobs * production.eventsPerJob), production.eventsPerJob),
  };
}

/** The scouts of a production: at most `jobs`, fewer if the production has not so many events. */
export function planScouts(scouts: {
  events: number;
  jobs: number;
  eventsPerJob: number;
}): BlockPlan | null {
  const events = Math.min(scouts.events, scouts.jobs * scouts.eventsPerJob);
  if (events === 0) return null;
  return { firstEvent: 1, jobEvents: splitEvents(events, scouts.eventsPerJob) };
}

function splitEvents(events: number, perJob: number): number[] {
  const whole = Math.floor(events / perJob);
  const rest = events - whole * perJob;
  const jobs = new Array<number>(whole).fill(perJob);
  if (rest > 0) jobs.push(rest);
  return jobs;
}
