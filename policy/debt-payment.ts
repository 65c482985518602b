/** The longest time between two tries of a storage that has debts, s. */
const LONGEST = 86_400;

/**
 * When a storage that has refused or not answered `tries` times in a row is asked for its debts again, ms since 1970: after `every` seconds,
 * then twice as long each time, up to a day; retried for ever.
 */
export function nextTry(now: number, tries: number, every: number): number {
  const seconds = every * 2 ** Math.min(Math.max(0, tries - 1), 30);
  return now + Math.round(1000 * Math.max(every, Math.min(seconds, LONGEST)));
}
