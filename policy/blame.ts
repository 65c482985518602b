import { BLAME_OF, type Blame, type FailureClass } from '../domain/failure-class.js';
import type { Diagnosis } from './diagnosis.js';

/** How attempts of a production have ended at one site, in the time that is looked at. */
export interface SiteTally {
  readonly site: string;
  readonly done: number;
  /** Failed attempts by class. */
  readonly failures: Readonly<Partial<Record<FailureClass, number>>>;
}

/** Whom a failure is charged to, and what speaks for it (empty if the class alone tells). */
export interface BlameVerdict {
  readonly blame: Blame;
  readonly because: string;
}

/** Classes in which the payload and the site look alike. */
export const DOUBTFUL: readonly FailureClass[] = ['payload-error', 'payload-crash', 'bad-output'];

/** So many attempts here, and so many elsewhere, must have ended before they tell anything. */
const ENOUGH = 3;
/** The failure rate here is that many times the rate elsewhere. */
const CLEARLY_WORSE = 5;

/**
 * Payload or site: what looks like a fault of the payload is the site's if attempts fail in these ways far more often there than elsewhere
 * (five times the rate, and at least half of them), with at least three failures there and three successes elsewhere. What was judged by a
 * rule for this one site can not be compared: the same would be judged otherwise elsewhere.
 */
export function blameFor(
  judged: Pick<Diagnosis, 'class' | 'siteRule'>,
  site: string,
  tallies: readonly SiteTally[],
): BlameVerdict {
  const blame = BLAME_OF[judged.class];
  if (!DOUBTFUL.includes(judged.class) || judged.siteRule) return { blame, because: '' };
  const here = doubtful(tallies.filter((tally) => tally.site === site));
  const elsewhere = doubtful(tallies.filter((tally) => tally.site !== site));
  const rate = here.failed / Math.max(1, here.failed + here.done);
  const other = elsewhere.failed / Math.max(1, elsewhere.failed + elsewhere.done);
  if (
    here.failed < ENOUGH ||
    elsewhere.done < ENOUGH ||
    rate < 0.5 ||
    rate < CLEARLY_WORSE * other
  ) {
    return { blame, because: '' };
  }
  return {
    blame: 'site',
    because:
      `${here.failed} of ${here.failed + here.done} attempts failed so at ${site}, ` +
      `${elsewhere.failed} of ${elsewhere.failed + elsewhere.done} elsewhere`,
  };
}

function doubtful(tallies: readonly SiteTally[]): { done: number; failed: number } {
  let done = 0;
  let failed = 0;
  for (const tally of tallies) {
    done += tally.done;
    for (const failure of DOUBTFUL) failed += tally.failures[failure] ?? 0;
  }
  return { done, failed };
}
