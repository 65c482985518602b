import { hash } from 'node:crypto';
import type { FailureClass } from '../../domain/failure-class.js';

/** A positive quantity that varies: log-normal, half of the values are below the median; `spread` is the sigma of its logarithm. */
export interface Distribution {
  readonly median: number;
  readonly spread: number;
}

/** How jobs fare at a simulated site. All times are simulated seconds. */
export interface FateProfile {
  /** Of all draws; the same seed gives the same fates. */
  readonly seed: number;
  /** CPU time of one event on a core of 10 HS23. */
  readonly secondsPerEvent: Distribution;
  /** Wall time over CPU time, at least 1. */
  readonly wallOverCpu: Distribution;
  /** Between submission and start, while slots are free. */
  readonly queueSeconds: Distribution;
  /** MB of resident memory. */
  readonly memoryMB: Distribution;
  /** HS23 of a core of this site. */
  readonly hs23PerCore: number;
  /** How likely an attempt fails in each class, 0..1; their sum is at most 1. */
  readonly failures: Readonly<Partial<Record<FailureClass, number>>>;
}

/** Whose fate it is: an attempt of a job at a site. */
export interface FateKey {
  readonly production: string;
  readonly job: number;
  readonly attempt: number;
  readonly site: string;
}

/** What will become of an attempt, whatever happens around it; simulated seconds and MB. */
export interface Fate {
  /** Null: it succeeds. */
  readonly failure: FailureClass | null;
  readonly queueSeconds: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly memoryMB: number;
  /** How much of its time a failing attempt runs, 0..1. */
  readonly until: number;
}

/**
 * The fate of an attempt. It depends on the seed, the job, the attempt and the site alone, so that a run can be repeated and every
 * failure class be compared with what was drawn. What a job needs (its CPU time and memory) is the same in each attempt, as its events
 * are.
 */
export function fateOf(profile: FateProfile, key: FateKey, events: number): Fate {
  const job = draws(`${profile.seed}/${key.production}/${key.job}`);
  const attempt = draws(`${profile.seed}/${key.production}/${key.job}/${key.attempt}/${key.site}`);
  const cpuSeconds =
    (events * valueOf(profile.secondsPerEvent, job(0), job(1)) * 10) / profile.hs23PerCore;
  const wallOverCpu = Math.max(1, valueOf(profile.wallOverCpu, attempt(0), attempt(1)));
  return {
    failure: failureOf(profile.failures, attempt(2)),
    queueSeconds: valueOf(profile.queueSeconds, attempt(3), attempt(4)),
    wallSeconds: cpuSeconds * wallOverCpu,
    cpuSeconds,
    memoryMB: valueOf(profile.memoryMB, job(2), job(3)),
    until: attempt(5),
  };
}

function failureOf(failures: FateProfile['failures'], draw: number): FailureClass | null {
  let upTo = 0;
  for (const failure in failures) {
    // The keys of a plain record of classes.
    upTo += failures[failure as FailureClass] ?? 0;
    if (draw < upTo) return failure as FailureClass;
  }
  return null;
}

/** Box and Muller's transformation of two uniform draws. */
function valueOf({ median, spread }: Distribution, first: number, second: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
  return median * Math.exp(spread * normal);
}

/** Up to eight independent numbers from 0 to 1 (1 excluded) that belong to a text. */
function draws(text: string): (index: number) => number {
  const digits = hash('sha256', text, 'hex');
  return (index) => Number.parseInt(digits.slice(8 * index, 8 * index + 8), 16) / 2 ** 32;
}
