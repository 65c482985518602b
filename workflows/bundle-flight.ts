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
import type { ArchiveAnswer, BundleClosing } from '../domain/log-archive.js';
import type { ProductionProgress } from '../domain/progress.js';
import {
  archivingAt,
  control,
  endingAt,
  submissionAt,
  watchingAt,
  type QueuePriority,
} from './activities.js';

/** What a flight tells its block each time something has been recorded. */
export interface FlightNews {
  readonly requeued: number;
  readonly remnants: boolean;
  readonly badInputs: boolean;
  readonly progress: ProductionProgress;
}

/**
 * A bundle's way: submitted, watched, and each report settled, until none of its attempts is open; then tidied up. Submitting what has been
 * submitted before does nothing, so a flight may begin anew in any later life of its block. An order without attempts is only tidied up.
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
  let closing: BundleClosing | null = null;
  let submittedAt: number | null = null;
  const running = new Set<number>();
  const forgotten = new Set<number>();
  const settle = async (reports: readonly AttemptReport[]): Promise<BundleClosing | null> => {
    const answer = await control.settle({ ...handle, reports, submittedAt });
    open = answer.open;
    recorded = answer.closed;
    for (const report of reports) if (report.state === 'running') running.add(report.job);
    tell(answer);
    return answer.closing;
  };

  if (open.length > 0) {
    const answer = await submit(order, handle, priority);
    submittedAt = answer.submittedAt;
    if (answer.reports.length > 0) closing = await settle(answer.reports);
  }
  while (open.length > 0) {
    const report = await watching.watchJobs({
      ...handle,
      attempts: open,
      recorded,
      running: attemptRanges([...attemptsOf(open)].filter((key) => running.has(key.job))),
    });
    for (const { job } of attemptsOf(recorded)) forgotten.add(job);
    closing = await settle(report.reports);
  }
  closing ??= await settle([]);
  await tidyUp(handle, closing, { submittedAt, forgotten });
}

/**
 * The end of a bundle: its logs go to a storage, its site forgets what it still has of it, and the catalog learns of both. Logs that nobody
 * takes hold nothing up.
 */
async function tidyUp(
  handle: BundleHandle,
  closing: BundleClosing | null,
  known: { readonly submittedAt: number | null; readonly forgotten: ReadonlySet<number> },
): Promise<void> {
  if (closing === null) return;
  const answer = closing.logs.length === 0 ? NO_LOGS : await archive(handle, closing);
  const left = [...attemptsOf(closing.attempts)].filter(({ job }) => !known.forgotten.has(job));
  if (left.length > 0) {
    await endingAt(handle.site).forgetJobs({ ...handle, attempts: attemptRanges(left) });
  }
  await control.closeBundle({ ...handle, ...answer, submittedAt: known.submittedAt });
}

const NO_LOGS: ArchiveAnswer = { archived: null, lost: '' };

async function archive(
  handle: BundleHandle,
  { logs, archive: order }: BundleClosing,
): Promise<ArchiveAnswer> {
  try {
    const input = { ...handle, attempts: logs, archive: order };
    return await archivingAt(handle.site).archiveLogs(input);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return { archived: null, lost: error.cause?.message ?? error.message };
  }
}

/** Reports of the jobs that the site refused, or of all if it could not be reached: then none of them runs there. */
async function submit(
  order: BundleOrder,
  handle: BundleHandle,
  priority: number,
): Promise<{ reports: readonly AttemptReport[]; submittedAt: number | null }> {
  const key: QueuePriority = order.kind === 'scout' ? 1 : order.kind === 'merge' ? 2 : 3;
  try {
    const site = submissionAt(order.site, { production: order.production, priority, key });
    return await site.submitJobs(order);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    // Some may have been submitted before the failure: ended by name, so that the next attempts are the only ones.
    await endingAt(order.site).endJobs(handle);
    const reason = error.cause?.message ?? error.message;
    const attempts = [...attemptsOf(handle.attempts)];
    return {
      reports: attempts.map((attempt) => notSubmitted(attempt, reason)),
      submittedAt: null,
    };
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

/** Ends a bundle whatever happens to the workflow meanwhile, records its open attempts as cancelled, and tidies up. */
export async function endBundle(handle: BundleHandle, reason: string): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    if (handle.attempts.length > 0) await endingAt(handle.site).endJobs(handle);
    const closing = await control.recordEnded({ ...handle, reason });
    const ended = new Set([...attemptsOf(handle.attempts)].map(({ job }) => job));
    await tidyUp(handle, closing, { submittedAt: null, forgotten: ended });
  });
}
