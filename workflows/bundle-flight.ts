import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  ParentClosePolicy,
  patched,
  startChild,
  TimeoutFailure,
} from '@temporalio/workflow';
import {
  attemptRanges,
  attemptsOf,
  jobsOf,
  type AttemptRange,
  type AttemptReport,
  type BundleHandle,
  type BundleOrder,
  type UntoldEnd,
} from '../domain/bundle.js';
import type { ErrorCode } from '../domain/errors.js';
import type { ArchiveAnswer, BundleClosing, ClearedBundle } from '../domain/log-archive.js';
import { productionWorkflowId } from '../domain/names.js';
import { NOTHING_PACKED, type Packed } from '../domain/packed.js';
import type { ProductionProgress } from '../domain/progress.js';
import {
  archivingAt,
  control,
  endingAt,
  submissionAt,
  watchingAt,
  type QueuePriority,
} from './activities.js';
import { labelsOf } from './labels.js';
import { removeCondemned } from './removal.js';
import { withdrawnAtOnce } from './withdrawal.js';

/** What a flight tells its block each time something has been recorded. */
export interface FlightNews {
  readonly requeued: number;
  readonly remnants: boolean;
  readonly badInputs: boolean;
  readonly progress: ProductionProgress;
}

/** Records that nothing of a bundle is left at its site. */
export type Clear = (bundle: ClearedBundle) => Promise<void>;

const clearAlone =
  (handle: BundleHandle): Clear =>
  (bundle) =>
    control.closeBundles({ ...handle, bundles: [bundle] });

/**
 * A bundle's way: submitted, watched, and each report settled, until none of its attempts is open; then tidied up. Submitting what has been
 * submitted before does nothing, so a flight may begin anew in any later life of its block. An order without attempts is only tidied up.
 */
export async function fly(
  given: BundleOrder,
  priority: number,
  tell: (news: FlightNews) => void,
  clear: Clear,
): Promise<void> {
  const order = given.incomplete === true ? await control.bundleOrder(given) : given;
  const handle: BundleHandle = {
    epoch: order.epoch,
    production: order.production,
    block: order.block,
    bundle: order.bundle,
    site: order.site,
    attempts: attemptRanges(jobsOf(order.ranges)),
  };
  const watching = watchingAt(order.site, order.lease);

  let open: readonly AttemptRange[] = handle.attempts;
  let recorded: readonly AttemptRange[] = [];
  let closing: BundleClosing | null = null;
  let submittedAt: number | null = null;
  let overdueAt: number | null = null;
  const running = new Set<number>();
  const forgotten = new Set<number>();
  let silent = false;
  const settle = async (
    reports: Packed<AttemptReport>,
    untold: UntoldEnd | null = null,
  ): Promise<BundleClosing | null> => {
    const answer = await control.settle({ ...handle, reports, untold, submittedAt });
    open = answer.open;
    recorded = answer.closed;
    tell(answer);
    return answer.closing;
  };

  if (open.length > 0) {
    const answer = await submit(order, handle, priority);
    submittedAt = answer.submittedAt;
    silent = answer.silent;
    overdueAt = overdueFrom(submittedAt, order.queuePatience);
    if (answer.reports !== NOTHING_PACKED || answer.untold !== null) {
      closing = await settle(answer.reports, answer.untold);
    }
  }
  while (open.length > 0) {
    const report = await heard(
      watching.watchJobs({
        ...handle,
        attempts: open,
        recorded,
        running: attemptRanges([...attemptsOf(open)].filter((key) => running.has(key.job))),
        ...(submittedAt === null ? {} : { since: submittedAt }),
        ...(overdueAt === null ? {} : { overdueAt }),
      }),
    );
    if (report === null) {
      silent = true;
      closing = await settle(NOTHING_PACKED, {
        attempts: open,
        state: 'lost',
        step: 'vanished',
        reason: `nothing was heard of ${order.site} for ${order.lease} s`,
        endedAt: Date.now(),
      });
      break;
    }
    for (const { job } of attemptsOf(report.begun)) running.add(job);
    for (const { job } of attemptsOf(recorded)) forgotten.add(job);
    closing = await settle(report.reports);
    // Only a site that was told when to can answer so: no history from before comes here.
    if (report.overdue !== undefined && patched('overdue-jobs')) {
      overdueAt = await withdrawOverdue(handle, report.overdue, submittedAt);
    }
  }
  closing ??= await settle(NOTHING_PACKED);
  if (closing === null) return;
  const left = { handle, closing, submittedAt, forgotten: [...forgotten] };
  if (silent) await leaveToTidying({ ...left, end: true });
  else await tidyUp(left, clear);
}

/** When jobs have waited too long, ms; null for never. */
function overdueFrom(submittedAt: number | null, patience: number | undefined): number | null {
  return submittedAt === null || patience === undefined ? null : submittedAt + 1000 * patience;
}

/** Withdraws those jobs that another site would start sooner; their watch tells of it. Returns when to look again, ms. */
async function withdrawOverdue(
  handle: BundleHandle,
  attempts: readonly AttemptRange[],
  submittedAt: number | null,
): Promise<number> {
  const queuedSince = submittedAt ?? Date.now();
  const { lookAgain, withdraw } = await control.judgeQueue({ ...handle, attempts, queuedSince });
  if (withdraw.length > 0) await withdrawnAtOnce({ ...handle, attempts: withdraw });
  return Date.now() + 1000 * lookAgain;
}

/** What a silent site would have told; null once its lease is over. */
async function heard<T>(watch: Promise<T>): Promise<T | null> {
  try {
    return await watch;
  } catch (error) {
    if (isSilence(error)) return null;
    throw error;
  }
}

/** True if nobody at the site has taken the work up in time, or its computing element has not answered for so long. */
function isSilence(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  return cause instanceof TimeoutFailure
    ? cause.timeoutType === 'SCHEDULE_TO_START'
    : cause instanceof ApplicationFailure && cause.type === SILENT;
}

const SILENT: ErrorCode = 'FABRICA_COMPUTE_SILENT';

/** What is left to do at a site for a bundle none of whose attempts is open. */
export interface TidyingInput {
  readonly handle: BundleHandle;
  readonly closing: BundleClosing;
  readonly submittedAt: number | null;
  /** Jobs that the site has forgotten already. */
  readonly forgotten: readonly number[];
  /** Jobs of it may still run: they are ended first. */
  readonly end: boolean;
}

/** What is left to do at a site that has been silent: its jobs are ended, whatever they have left since is removed, and it is tidied up. */
export async function tidying(input: TidyingInput): Promise<void> {
  const { handle } = input;
  if (input.end) {
    await endingAt(handle.site).endJobs(handle);
    await control.noteLateRemnants(handle);
    await removeCondemned(handle, handle.block);
  }
  await tidy(input, undefined, clearAlone(handle));
}

/** Starts a workflow that asks the site on for days; the block goes on without it. */
async function leaveToTidying(input: TidyingInput): Promise<void> {
  const { production, bundle } = input.handle;
  try {
    await startChild<typeof tidying>('tidying', {
      workflowId: `${productionWorkflowId(production)}/bundle/${bundle}/tidying`,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args: [input],
      typedSearchAttributes: labelsOf(input.handle),
      staticSummary: `what ${input.handle.site} has left of bundle ${bundle}`,
    });
  } catch (error) {
    // It is in good hands.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** A block waits so long for a site to tidy up, s. */
const TIDY_PATIENCE = 300;

/**
 * The end of a bundle: its logs go to a storage, its site forgets what it still has of it, and the catalog learns of both. Logs that nobody
 * takes hold nothing up.
 */
async function tidyUp(input: Omit<TidyingInput, 'end'>, clear: Clear): Promise<void> {
  try {
    await tidy(input, TIDY_PATIENCE, clear);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    await leaveToTidying({ ...input, end: false });
  }
}

async function tidy(
  { handle, closing, submittedAt, forgotten }: Omit<TidyingInput, 'end'>,
  patience: number | undefined,
  clear: Clear,
): Promise<void> {
  const gone = new Set(forgotten);
  const left = attemptRanges([...attemptsOf(closing.attempts)].filter(({ job }) => !gone.has(job)));
  const { archived, done, lost } =
    closing.logs.length === 0 ? NO_LOGS : await archive(handle, closing, left, patience);
  if (left.length > 0 && done !== true) {
    await endingAt(handle.site, patience).forgetJobs({ ...handle, attempts: left });
  }
  await clear({ bundle: handle.bundle, archived, lost, submittedAt });
}

const NO_LOGS: ArchiveAnswer = { archived: null, lost: '' };

/** Has the site archive the logs and then, in the same activity, forget what is left of the bundle there. */
async function archive(
  handle: BundleHandle,
  { logs, archive: order }: BundleClosing,
  forget: readonly AttemptRange[],
  patience: number | undefined,
): Promise<ArchiveAnswer> {
  try {
    const input = { ...handle, attempts: logs, archive: order, forget };
    return await archivingAt(handle.site, patience).archiveLogs(input);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    // They may still be there when the site is back.
    if (isSilence(error)) throw error;
    return { archived: null, lost: error.cause?.message ?? error.message };
  }
}

/** Reports of the jobs that the site refused, or of all if it could not be reached: then none of them runs there. */
async function submit(
  order: BundleOrder,
  handle: BundleHandle,
  priority: number,
): Promise<{
  reports: Packed<AttemptReport>;
  untold: UntoldEnd | null;
  submittedAt: number | null;
  /** The site has not confirmed that none of them runs. */
  silent: boolean;
}> {
  const key: QueuePriority = order.kind === 'scout' ? 1 : order.kind === 'merge' ? 2 : 3;
  try {
    const site = submissionAt(order.site, { production: order.production, priority, key });
    return { ...(await site.submitJobs(order)), untold: null, silent: false };
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    // Some may have been submitted before the failure: ended by name, so that the next attempts are the only ones.
    const ended = await endWithin(handle, order.lease);
    const reason = error.cause?.message ?? error.message;
    return {
      reports: NOTHING_PACKED,
      untold: {
        attempts: handle.attempts,
        state: 'failed',
        step: 'submission',
        reason: reason.slice(0, 500),
        endedAt: Date.now(),
      },
      submittedAt: null,
      silent: !ended,
    };
  }
}

/** True once the site has confirmed that no job of the bundle runs; false if it stays silent for so long, s. */
async function endWithin(handle: BundleHandle, patience: number): Promise<boolean> {
  try {
    await endingAt(handle.site, patience).endJobs(handle);
    return true;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return false;
  }
}

/**
 * Ends a bundle whatever happens to the workflow meanwhile, records its open attempts as cancelled, and tidies up. A site that stays silent for so
 * long (s) is asked on by a workflow of its own.
 */
export async function endBundle(
  handle: BundleHandle,
  reason: string,
  patience: number,
): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    const ended = handle.attempts.length === 0 || (await endWithin(handle, patience));
    const closing = await control.recordEnded({ ...handle, reason });
    if (closing === null) return;
    const forgotten = ended ? [...attemptsOf(handle.attempts)].map(({ job }) => job) : [];
    const left = { handle, closing, submittedAt: null, forgotten };
    if (ended) await tidyUp(left, clearAlone(handle));
    else await leaveToTidying({ ...left, end: true });
  });
}
