import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { BundleHandle } from '../domain/bundle.js';
import { withdrawalText } from '../domain/withdrawal.js';
import { control, withdrawingAt } from './activities.js';
import { openHandles } from './open-handles.js';
import { inTurnsOfSites } from './turns.js';

/** Whose jobs are withdrawn, where, and who asks for it. */
export interface Withdrawal {
  readonly epoch: string;
  readonly production: string;
  readonly from: 'everywhere' | readonly string[];
  readonly who: string;
  readonly why: string;
}

/**
 * Withdraws the jobs of a production that have not started from all sites, or some: they wait to be placed again, and their watches
 * tell of it. A site that does not answer at once is asked on; nobody waits for it. Answers what came of it, for people; empty if no
 * job is at such a site.
 */
export async function withdraw({ from, who, why, ...ref }: Withdrawal): Promise<string> {
  const open = await openHandles(ref, null);
  const handles = open.filter(
    ({ attempts, site }) => attempts.length > 0 && (from === 'everywhere' || from.includes(site)),
  );
  if (handles.length === 0) return '';
  const answers = await inTurnsOfSites(handles, withdrawnAtOnce);
  const jobs = answers.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  const late = handles.filter((_, i) => answers[i] === null);
  void inTurnsOfSites(late, withdrawnInTheEnd);
  const silent = [...new Set(late.map(({ site }) => site))].sort();
  await control.noteWithdrawal({ ...ref, jobs, silent, who, why });
  return withdrawalText(jobs, silent);
}

/** How many jobs that were; null if the site has not answered. */
export async function withdrawnAtOnce(handle: BundleHandle): Promise<number | null> {
  try {
    return await withdrawingAt(handle.site, '4 seconds').withdrawJobs(handle);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return null;
  }
}

/** Should the production go on meanwhile, its jobs are placed again: nothing is lost by it. */
export async function withdrawnInTheEnd(handle: BundleHandle): Promise<void> {
  try {
    await withdrawingAt(handle.site, '7 days').withdrawJobs(handle);
  } catch (error) {
    if (!(error instanceof ActivityFailure) && !isCancellation(error)) throw error;
  }
}
