import { ActivityFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import {
  attemptRanges,
  attemptsOf,
  jobsOf,
  type AttemptRange,
  type AttemptReport,
  type BundleHandle,
  type BundleOrder,
} from '../domain/bundle.js';
import type { ProductionProgress } from '../domain/progress.js';
import { control, endingAt, submissionAt, watchingAt, type QueuePriority } from './activities.js';

/** What a flight tells its block each time something has been recorded. */
export interface FlightNews {
  readonly requeued: number;
  readonly remnants: boolean;
  readonly badInputs: boolean;
  readonly progress: ProductionProgress;
}

/**
 * A bundle's way: submitted, watched, and each report settled, until none of its attempts is open. Submitting what has been submitted
 * before does nothing, so a flight may begin anew in any later life of its block.
 */
export async function fly(
  order: BundleOrder,
  priority: number,
  tell: (news: FlightNews) => void,
): Promise<void> {
  const handle: BundleHandle = {
    epoch: order.epoch,
    production: order.production,
    block: order.block,
    bundle: order.bundle,
    site: order.site,
    attempts: attemptRanges(jobsOf(order.ranges)),
  };
  const watching = watchingAt(order.site);

  let open: readonly AttemptRange[] = handle.attempts;
  let recorded: readonly AttemptRange[] = [];
  const running = new Set<number>();
  const settle = async (reports: readonly AttemptReport[]): Promise<void> => {
    const answer = await control.settle({ ...handle, reports });
    open = answer.open;
    recorded = answer.closed;
    for (const report of reports) if (report.state === 'running') running.add(report.job);
    tell(answer);
  };

  const refused = await submit(order, handle, priority);
  if (refused.length > 0) await settle(refused);
  while (open.length > 0) {
    const report = await watching.watchJobs({
      ...handle,
      attempts: open,
      recorded,
      running: attemptRanges([...attemptsOf(open)].filter((key) => running.has(key.job))),
    });
    await settle(report.reports);
  }
  if (recorded.length > 0) {
    await endingAt(order.site).forgetJobs({ ...handle, attempts: recorded });
  }
}

/** Reports of the jobs that the site refused, or of all if it could not be reached: then none of them runs there. */
async function submit(
  order: BundleOrder,
  handle: BundleHandle,
  priority: number,
): Promise<readonly AttemptReport[]> {
  const key: QueuePriority = order.kind === 'scout' ? 1 : order.kind === 'merge' ? 2 : 3;
  try {
    const site = submissionAt(order.site, { production: order.production, priority, key });
    const answer = await site.submitJobs(order);
    return answer.reports;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    // Some may have been submitted before the failure: ended by name, so that the next attempts are the only ones.
    await endingAt(order.site).endJobs(handle);
    const reason = error.cause?.message ?? error.message;
    return [...attemptsOf(handle.attempts)].map((attempt) => notSubmitted(attempt, reason));
  }
}

function notSubmitted(key: { job: number; attempt: number }, reason: string): AttemptReport {
  return {
    ...key,
    state: 'failed',
    step: 'submission',
    exitCode: null,
    reason: reason.slice(0, 500),
    logTail: '',
    ceId: '',
    node: '',
    startedAt: null,
    endedAt: Date.now(),
    wallSeconds: null,
    cpuSeconds: null,
    memoryMB: null,
    events: null,
    outputs: [],
  };
}

/** Ends a bundle whatever happens to the workflow meanwhile, and records its attempts as cancelled. */
export async function endBundle(handle: BundleHandle, reason: string): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    await endingAt(handle.site).endJobs(handle);
    await control.recordEnded({ ...handle, reason });
  });
}
