import { siteCapacity } from './site-room.js';

/** s; whatever the jobs are: nothing is withdrawn because of a slow hour. */
const LEAST = 3600;

/** Of the time that a job should wait at most at a full site: until one of its length has ended, for each job before it. */
const TIMES = 4;

/** A job that has been withdrawn so often waits no longer than one that was withdrawn once more: 16 times as long as the first time. */
const MOST_DOUBLINGS = 4;

/** A job in the queue of a site. */
export interface QueuedJob {
  /** Slots of the site. */
  readonly slots: number;
  /** Wall time of the production's jobs, s; null if not known. */
  readonly jobSeconds: number | null;
  /** How often the job has been withdrawn before. See `withdrawalsOf`. */
  readonly withdrawals: number;
}

/**
 * How long a job may wait in a site's queue (s) before it is looked whether another site could take it: four times what the slots and the queue that Fabrica
 * fills need to let it start, an hour at least, twice as long after each withdrawal: it can not go round for ever.
 */
export function queuePatience({ jobSeconds, slots, withdrawals }: QueuedJob): number {
  const seconds = jobSeconds ?? 0;
  const expected = (seconds * siteCapacity(slots, jobSeconds)) / Math.max(1, slots);
  return Math.max(LEAST, TIMES * expected) * 2 ** Math.min(MOST_DOUBLINGS, withdrawals);
}

/**
 * When jobs that have waited for too long (s) and can not go elsewhere are looked at again, s from now: the rarer the longer they wait, so that a week
 * costs some twenty looks.
 */
export function untilNextLook(waited: number): number {
  return Math.max(1, waited / 4);
}

/**
 * How often a job has been withdrawn, at most: its attempts before this one that have not failed. What failed before a release counts as well, and lets it
 * wait longer only.
 */
export function withdrawalsOf(job: {
  readonly attempt: number;
  readonly charged: number;
  readonly uncharged: number;
}): number {
  return Math.max(0, job.attempt - 1 - job.charged - job.uncharged);
}
