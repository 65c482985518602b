/** How a bundle stands that is watched at its site, since its last report. Times in ms since 1970. */
export interface WatchedBundle {
  readonly now: number;
  /** When the site has taken it. */
  readonly since: number;
  /** Attempts that were open after the last report. */
  readonly jobs: number;
  /** Of those: have ended, and have failed. */
  readonly ended: number;
  readonly failed: number;
  /** When the first of those ends was seen; null if there is none. */
  readonly firstEnd: number | null;
  /** When the first start that is not told yet was seen; null if there is none. */
  readonly firstStart: number | null;
}

/** Ended jobs are reported when as many have come together as would take about this long to record, or after this time, ms. */
const AFTER = { failures: 1_000, fewFailures: 3_000, least: 1_500, most: 60_000 };
/** Failures are many from this share of the bundle on. */
const MANY_FAILURES = 0.05;
/** The longer a bundle has been at its site, the rarer its reports: this part of its life apart. */
const PART_OF_LIFE = 1 / 30;

/** How long ends wait for others, ms: each report costs the same, however many jobs it tells of. */
export function reportPatience({ now, since }: Pick<WatchedBundle, 'now' | 'since'>): number {
  return Math.min(AFTER.most, Math.max(AFTER.least, (now - since) * PART_OF_LIFE));
}

/** Whether it is time to report on a bundle: all have ended, some have failed, or ends and starts have waited long enough for others. */
export function isReportDue(bundle: WatchedBundle): boolean {
  const { ended, failed, firstEnd, firstStart, jobs, now } = bundle;
  if (ended === jobs) return true;
  const patience = reportPatience(bundle);
  if (firstEnd !== null) {
    const waited = now - firstEnd;
    const urgency = failed >= MANY_FAILURES * jobs ? AFTER.failures : AFTER.fewFailures;
    return waited >= patience || (failed > 0 && waited >= urgency);
  }
  return firstStart !== null && now - firstStart >= patience;
}
