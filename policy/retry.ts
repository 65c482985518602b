import type { Blame, FailureClass } from '../domain/failure-class.js';
import { counted } from '../domain/counted.js';

/** What is known when an attempt has failed. */
export interface FailureCase {
  readonly class: FailureClass;
  readonly blame: Blame;
  /** Number of the attempt that failed. */
  readonly attempt: number;
  /** Attempts before this one that failed by the payload or its limits, since the job was last released. */
  readonly charged: number;
  /** Attempts before this one that failed by sites, storages or Fabrica, since then. */
  readonly uncharged: number;
  /** Charged attempts before this one that failed with `payload-error` or `payload-crash`. */
  readonly payloadFailures: number;
  /** True if the job ran already with the definition's full limits. */
  readonly raised: boolean;
  /** True if the job can be divided: it makes events, more than one, and does not scout. */
  readonly divisible: boolean;
  /** `retries` of the definition. */
  readonly attempts: number;
  readonly systemAttempts: number;
  /** Seconds before the second attempt; doubles with each, up to the maximum. */
  readonly backoff: number;
  readonly maximumBackoff: number;
}

/**
 * `retry`: wait so many seconds, keep away from the site if it is to blame or another one shall confirm, count the attempt if it
 * is charged, and go to the definition's full limits if raised. `split`: smaller jobs take its place. `park`: a person decides.
 */
export type RetryDecision =
  | {
      readonly action: 'retry';
      readonly seconds: number;
      readonly avoidSite: boolean;
      readonly charge: boolean;
      readonly raise: boolean;
    }
  | { readonly action: 'split' }
  | { readonly action: 'park'; readonly why: string };

/** Classes after which the same site is as good as any other. */
const SITE_INNOCENT: readonly FailureClass[] = ['wall-time', 'memory', 'catalog', 'control'];

/** Classes that more generous limits, or fewer events, help. */
const LIMITS: readonly FailureClass[] = ['wall-time', 'memory', 'disk-limit'];

/** Only these count against the job: what the grid or Fabrica did to it never uses up its attempts. */
export const CHARGED: readonly Blame[] = ['payload', 'definition'];

/** Attempts have three digits in file names; failures of Fabrica's own are not bounded otherwise. */
const MOST_ATTEMPTS = 900;

/** The table of failures (DESIGN 5), as a decision. */
export function decideRetry(failure: FailureCase): RetryDecision {
  const { blame } = failure;
  const name = failure.class;
  if (blame === 'person') return { action: 'park', why: 'ended by a person' };
  if (failure.attempt >= MOST_ATTEMPTS) {
    return { action: 'park', why: `${name}; it has been tried ${failure.attempt} times` };
  }
  const limited = LIMITS.includes(name);
  if (limited && failure.raised && failure.divisible) return { action: 'split' };

  const charge = CHARGED.includes(blame);
  const used = failure.charged + (charge ? 1 : 0);
  if (used >= failure.attempts) {
    return {
      action: 'park',
      why: `${name}; ${failure.attempts === 1 ? 'its one attempt is' : `all ${failure.attempts} attempts are`} used`,
    };
  }
  const suffered = failure.uncharged + (charge ? 0 : 1);
  if (blame !== 'fabrica' && !charge && suffered >= failure.systemAttempts) {
    return {
      action: 'park',
      why: `${name}; sites and storages have failed it ${counted(suffered, 'time')}`,
    };
  }
  if ((name === 'payload-error' || name === 'payload-crash') && blame === 'payload') {
    if (failure.payloadFailures >= 1) {
      return { action: 'park', why: `${name} again at another site: the payload is to blame` };
    }
  }
  if (limited && failure.raised) {
    return { action: 'park', why: `${name} with the full limits of the definition` };
  }
  // Each kind of failure waits by its own count: an outage does not make the job's own retries slow.
  const before = charge ? used : suffered;
  return {
    action: 'retry',
    seconds: Math.min(
      failure.backoff * 2 ** Math.min(60, Math.max(0, before - 1)),
      failure.maximumBackoff,
    ),
    avoidSite: !SITE_INNOCENT.includes(name),
    charge,
    raise: limited,
  };
}

/** Jobs of a block that wait for a retry, and what goes on in it. Times in ms since 1970. */
export interface RetriesOfBlock {
  readonly now: number;
  /** How many may be placed now. */
  readonly placeable: number;
  /** Since when the first of them may. */
  readonly since: number;
  /** Jobs of the block at sites: more of them may fail. */
  readonly open: number;
  readonly blockJobs: number;
}

/** Jobs that wait for a retry go together with others: so many, as a share of the block, or after so long, ms. */
const COMPANY = { share: 0.05, patience: 10_000 };

/** So many jobs of a block wait for no others. */
export function enoughCompany({
  blockJobs,
  open,
}: Pick<RetriesOfBlock, 'blockJobs' | 'open'>): number {
  return open === 0 ? 0 : Math.floor(COMPANY.share * blockJobs);
}

/**
 * How long jobs that may be placed wait for others to fail, ms; 0 for no longer. Each bundle costs the same, however small it is, and
 * nobody misses some seconds; when nothing else of the block is at a site, none would join them.
 */
export function untilCompany(retries: RetriesOfBlock): number {
  if (retries.placeable >= enoughCompany(retries)) return 0;
  return Math.max(0, retries.since + COMPANY.patience - retries.now);
}
