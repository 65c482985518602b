import {
  ActivityCancellationType,
  proxyActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control/index.js';
import type { SiteIoActivities, SubmissionActivities } from '../activities/site/index.js';
import type { StorageActivities } from '../activities/storage/index.js';
import { CONTROL_QUEUE, siteIoQueue, siteQueue, storageQueue } from '../domain/names.js';
import {
  CONTROL_SUMMARIES,
  SITE_IO_SUMMARIES,
  STORAGE_SUMMARIES,
  SUBMISSION_SUMMARIES,
  type Summaries,
} from './summaries.js';

/** How activities of each queue are called: time limits, retries, priorities. */

/** Activities outside the control process beat every 5 s: a dead process is noticed after this time. */
const HEARTBEAT = '20s';

/** What must happen in the end is tried for so long, s. */
export const DAYS = 7 * 86_400;

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** Activities that are called like functions, each call with its line for Temporal's page. */
function summarized<T extends Activities>(options: ActivityOptions, summaries: Summaries<T>): T {
  const proxies = proxyActivities(options);
  const calls = Object.entries(summaries).map(([name, summary]) => [
    name,
    (...args: never[]) =>
      proxies[name]?.executeWithOptions({ summary: lineOf(summary, args) }, args),
  ]);
  // The same names with the same signatures as the activities: the summaries are one for each.
  return Object.fromEntries(calls) as T;
}

function lineOf(summary: unknown, args: never[]): string {
  return (summary as (...given: never[]) => string)(...args).slice(0, 200);
}

const CONTROL: ActivityOptions = {
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '20s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** Reads and writes of the catalog: short, repeated until they succeed or are refused. Repetitions write no history. */
export const control = summarized<ControlActivities>(CONTROL, CONTROL_SUMMARIES);

const { command, register, validateDefinition } = CONTROL_SUMMARIES;
type Awaited = 'command' | 'register' | 'validateDefinition';

/** Those that a person waits for: they go before what thousands of productions do by themselves. */
export const awaited = summarized<Pick<ControlActivities, Awaited>>(
  { ...CONTROL, priority: { priorityKey: 1 } },
  { command, register, validateDefinition },
);

/** Priority keys: scouts and probes first, merges second, the rest third. */
export type QueuePriority = 1 | 2 | 3;

/**
 * Submission at a site. If no worker takes it in time the site is silent, and the bundle goes elsewhere once it is certain that none of
 * it has been submitted.
 */
export function submissionAt(
  site: string,
  order: { production: string; priority: number; key: QueuePriority },
): SubmissionActivities {
  return summarized<SubmissionActivities>(
    {
      taskQueue: siteQueue(site),
      scheduleToStartTimeout: '2 minutes',
      startToCloseTimeout: '5 minutes',
      heartbeatTimeout: HEARTBEAT,
      retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 4 },
      priority: {
        priorityKey: order.key,
        fairnessKey: order.production,
        fairnessWeight: order.priority,
      },
    },
    SUBMISSION_SUMMARIES,
  );
}

/**
 * Watching: waits as long as jobs run, and is taken up again by the next worker if this one dies. Without any worker for the time of the
 * lease (s) it fails.
 */
export function watchingAt(site: string, lease: number): SiteIoActivities {
  return summarized<SiteIoActivities>(
    {
      taskQueue: siteIoQueue(site),
      scheduleToStartTimeout: lease * 1000,
      startToCloseTimeout: '30 days',
      heartbeatTimeout: HEARTBEAT,
      // A watcher hears of its cancellation only with a heartbeat; nobody needs to wait for that.
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1 minute' },
    },
    SITE_IO_SUMMARIES,
  );
}

/** Ending and forgetting jobs: must happen in the end, so it is repeated for days, or for as long (s) as somebody waits for it. */
export function endingAt(site: string, patience: number = DAYS): SiteIoActivities {
  return summarized<SiteIoActivities>(
    {
      taskQueue: siteIoQueue(site),
      startToCloseTimeout: '10 minutes',
      heartbeatTimeout: HEARTBEAT,
      scheduleToCloseTimeout: patience * 1000,
      retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5 minutes' },
    },
    SITE_IO_SUMMARIES,
  );
}

/** Withdrawing what has not started: at once, or else as soon as the site answers. */
export function withdrawingAt(site: string, patience: '4 seconds' | '7 days'): SiteIoActivities {
  return summarized<SiteIoActivities>(
    {
      taskQueue: siteIoQueue(site),
      startToCloseTimeout: '2 minutes',
      heartbeatTimeout: HEARTBEAT,
      scheduleToCloseTimeout: patience,
      retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '5 minutes' },
      priority: { priorityKey: 1 },
    },
    SITE_IO_SUMMARIES,
  );
}

/** Archiving logs: as long as storages are asked, and their bytes take; what comes after it waits. */
export function archivingAt(site: string, patience: number = DAYS): SiteIoActivities {
  return summarized<SiteIoActivities>(
    {
      taskQueue: siteIoQueue(site),
      startToCloseTimeout: '2 hours',
      heartbeatTimeout: HEARTBEAT,
      scheduleToStartTimeout: patience * 1000,
      scheduleToCloseTimeout: '7 days',
      retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5 minutes' },
    },
    SITE_IO_SUMMARIES,
  );
}

/** Ending what earlier epochs have left at a site, for as long as a person waits for it. */
export function retiringAt(site: string): SiteIoActivities {
  return summarized<SiteIoActivities>(
    {
      taskQueue: siteIoQueue(site),
      startToCloseTimeout: '5 minutes',
      heartbeatTimeout: HEARTBEAT,
      scheduleToStartTimeout: '30 seconds',
      scheduleToCloseTimeout: '5 minutes',
      retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 4 },
    },
    SITE_IO_SUMMARIES,
  );
}

/** Work on a storage. `patience` is how long an unreachable one is tried. */
export function storageAt(
  storage: string,
  patience: '15 seconds' | '2 minutes' | '10 minutes' | '1 hour',
): StorageActivities {
  return summarized<StorageActivities>(
    {
      taskQueue: storageQueue(storage),
      startToCloseTimeout: '1 hour',
      heartbeatTimeout: HEARTBEAT,
      scheduleToCloseTimeout: patience,
      retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
    },
    STORAGE_SUMMARIES,
  );
}
