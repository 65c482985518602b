/** What is known of work that goes on, and of how fast it went lately. */
export interface RecentWork {
  /** Events that are still to be made. */
  readonly eventsLeft: number;
  /** Events made so far, and the good attempts, of merges too, that it took. */
  readonly eventsMade: number;
  readonly attemptsDone: number;
  /** Good attempts of the last `seconds`. */
  readonly lately: number;
  readonly seconds: number;
}

/** Fewer good attempts tell nothing about how it goes on. */
const LEAST_ATTEMPTS = 10;

/** ms since 1970 that a date can have at most. */
const LATEST_TIME = 8.64e15;

/** When the events are made if it goes on as lately, ms since 1970; null where that can not be told, or is later than any date. */
export function expectedEnd(work: RecentWork, now: number): number | null {
  const left = secondsLeft(work);
  if (left === null) return null;
  const end = Math.round(now + 1000 * left);
  return end <= LATEST_TIME ? end : null;
}

/**
 * s until the events are made if it goes on as lately; null where that can not be told. Merging and distribution of the last ones
 * come on top.
 */
export function secondsLeft(work: RecentWork): number | null {
  const { attemptsDone, eventsLeft, eventsMade, lately, seconds } = work;
  if (eventsLeft <= 0 || eventsMade <= 0) return null;
  if (lately < LEAST_ATTEMPTS || attemptsDone <= 0 || seconds <= 0) return null;
  const eventsPerSecond = (eventsMade / attemptsDone) * (lately / seconds);
  return eventsLeft / eventsPerSecond;
}
