import type { Definition } from '../domain/definition.js';

/** A limit per minute is used by tenths of it, so that bundles do not shrink to single jobs. */
const LEAST_PART = 10;

/** Jobs that may go now under a limit per minute, when so many went in the last one; 0 while they are too few to send. */
export function roomThisMinute(limit: number | undefined, sent: number): number {
  if (limit === undefined) return Infinity;
  const left = limit - sent;
  return left >= Math.max(1, Math.floor(limit / LEAST_PART)) ? left : 0;
}

/** What the limits of a definition let go now, and which one stops it if nothing may. */
export function throttled(
  { maxJobsPerMinute, maxRunningJobs }: Definition['throttle'],
  now: { readonly open: number; readonly sent: number },
): { readonly jobs: number; readonly why: string } {
  const running = Math.max(0, (maxRunningJobs ?? Infinity) - now.open);
  const rate = roomThisMinute(maxJobsPerMinute, now.sent);
  if (running === 0)
    return { jobs: 0, why: `throttle.maxRunningJobs: ${now.open} jobs are at sites` };
  if (rate === 0) {
    return { jobs: 0, why: `throttle.maxJobsPerMinute: ${now.sent} jobs went in the last minute` };
  }
  return { jobs: Math.min(running, rate), why: '' };
}

/** The most jobs that a production can have at sites under its limits, when each takes so long (s; null if not known). */
export function mostAtSites(
  { maxJobsPerMinute, maxRunningJobs }: Definition['throttle'],
  jobSeconds: number | null,
): number {
  const rate = (maxJobsPerMinute ?? Infinity) * Math.max(1, (jobSeconds ?? Infinity) / 60);
  return Math.min(maxRunningJobs ?? Infinity, rate);
}
