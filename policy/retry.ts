import { BLAME_OF, type FailureClass } from '../domain/failure-class.js';

/** What is known when an attempt has failed. */
export interface FailureCase {
  readonly class: FailureClass;
  /** Number of the attempt that failed. */
  readonly attempt: number;
  /** Attempts charged to the job before this one, since it was last released. */
  readonly charged: number;
  /** Charged attempts before this one that failed with `payload-error` or `payload-crash`. */
  readonly payloadFailures: number;
  /** True if the job ran already with the definition's full limits. */
  readonly raised: boolean;
  readonly attempts: number;
  /** Seconds before the second attempt; doubles with each, up to the maximum. */
  readonly backoff: number;
  readonly maximumBackoff: number;
}

/**
 * `retry`: wait so many seconds, keep away from the site if it is to blame or another one shall confirm, count the attempt if it
 * is charged, and go to the definition's full limits if raised. `park`: a person decides.
 */
export type RetryDecision =
  | {
      readonly action: 'retry';
      readonly seconds: number;
      readonly avoidSite: boolean;
      readonly charge: boolean;
      readonly raise: boolean;
    }
  | { readonly action: 'park'; readonly why: string };

/** Classes after which the same site is as good as any other. */
const SITE_INNOCENT: readonly FailureClass[] = ['wall-time', 'memory', 'catalog', 'control'];

/** Attempts have three digits in file names; failures of Fabrica's own are never charged, and must end as well. */
const MOST_ATTEMPTS = 900;

/** The table of failures (DESIGN 5), as a decision. */
export function decideRetry(failure: FailureCase): RetryDecision {
  const blame = BLAME_OF[failure.class];
  if (blame === 'person') return { action: 'park', why: 'ended by a person' };
  if (failure.attempt >= MOST_ATTEMPTS) {
    return { action: 'park', why: `${failure.class}; it has been tried ${failure.attempt} times` };
  }
  const charge = blame !== 'fabrica';
  const used = failure.charged + (charge ? 1 : 0);
  if (used >= failure.attempts) {
    return {
      action: 'park',
      why: `${failure.class}; ${failure.attempts === 1 ? 'its one attempt is' : `all ${failure.attempts} attempts are`} used`,
    };
  }
  if (failure.class === 'payload-error' || failure.class === 'payload-crash') {
    if (failure.payloadFailures >= 1) {
      return {
        action: 'park',
        why: `${failure.class} again at another site: the payload is to blame`,
      };
    }
  }
  const raise = failure.class === 'wall-time' || failure.class === 'memory';
  if (raise && failure.raised) {
    return { action: 'park', why: `${failure.class} with the full limits of the definition` };
  }
  return {
    action: 'retry',
    seconds: Math.min(failure.backoff * 2 ** Math.max(0, used - 1), failure.maximumBackoff),
    avoidSite: !SITE_INNOCENT.includes(failure.class),
    charge,
    raise,
  };
}
