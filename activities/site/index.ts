import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import {
  attemptRanges,
  attemptsOf,
  jobsOf,
  type AttemptKey,
  type AttemptRange,
  type AttemptReport,
  type BundleHandle,
  type BundleOrder,
  type BundleReport,
  type SubmissionReport,
} from '../../domain/bundle.js';
import type { Clock } from '../../domain/clock.js';
import type { SiteConfiguration } from '../../domain/configuration.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';
import type { ArchiveAnswer } from '../../domain/log-archive.js';
import { ceJobName } from '../../domain/names.js';
import type { CeStatus, ComputeElement } from '../../grid/compute/compute-element.js';
import type { StorageElements } from '../../grid/storage/storage-element.js';
import { isReportDue, reportPatience } from '../../policy/report-time.js';
import { withFailures } from '../application-failure.js';
import { withHeartbeat } from '../heartbeat.js';
import { LARGEST_ANSWER, logText, type LogText } from '../log-text.js';
import { pack } from '../packed.js';
import {
  attemptReports,
  failure,
  runningReport,
  withdrawnReport,
  type EndedAttempt,
} from './attempt-report.js';
import { ceJobs } from './ce-jobs.js';
import { archiveLogs, type ArchiveInput } from './log-archive.js';
import { clause } from '../../domain/clause.js';

/** What the activities of one site work with. */
export interface SiteContext {
  readonly site: SiteConfiguration;
  readonly compute: ComputeElement;
  readonly storages: StorageElements;
  readonly clock: Clock;
  readonly log: Log;
}

export interface WatchInput extends BundleHandle {
  /** Attempts whose reports are recorded: the computing element may forget them. */
  readonly recorded: readonly AttemptRange[];
  /** Attempts that are known to run already. */
  readonly running: readonly AttemptRange[];
  /** When the bundle came to the site, ms; left out where that is not known. */
  readonly since?: number;
  /** From when on (ms) attempts that still wait are told of. */
  readonly overdueAt?: number;
}

/** The longest time between two looks at a computing element, ms. */
const LOOK = 5_000;
/** Between two questions to a computing element that does not answer, ms; doubles from the first to the most. */
const ASK_AGAIN = { first: 1_000, most: 60_000 };
/** Jobs end one by one; so many looks at a bundle would cost more than its jobs. Least time between two: ms, and ms for each job. */
const LOOK_APART = { least: 100, perJob: 1 };
/** A report goes into a Temporal history; a fuller one returns early. Bytes of it there, about: it is compressed. */
const REPORT_SIZE = 400_000;
/** Bytes of an attempt without outputs and log, and of an output, beside the texts in them: much alike from attempt to attempt (some 75 were measured). */
const BARE_SIZE = { attempt: 80, output: 30 };
/** What is left of paths, which are alike, and of what a job has written, which at the worst is not compressed at all. */
const COMPRESSED = { path: 0.25, text: 0.5 };
/** Ended jobs whose reports are made together. */
const REPORTED_AT_ONCE = 500;
/** Log tails beyond the first few of a bundle are for the diagnosis alone: the last lines tell it. */
const LOG_TAILS = 20;
const SHORT_TAIL = 1000;

/** Activities on the queues `site.<SITE>` (`submission`) and `site.<SITE>.io` (`io`). */
export function createSiteActivities(context: SiteContext) {
  const { compute, storages, clock, log } = context;

  /** Hands the jobs of a bundle to the computing element, each once however often this runs. Returns those that it refused. */
  async function submitJobs(order: BundleOrder): Promise<SubmissionReport> {
    await compute.check();
    const jobs = [...ceJobs(order, storages)];
    const answers = await compute.submit(jobs);
    const keys = new Map([...jobsOf(order.ranges)].map((key) => [nameOf(order, key), key]));
    const refused = answers.flatMap((answer) => {
      const key = keys.get(answer.name);
      if (answer.refused === '' || key === undefined) return [];
      const none = { ceId: '', startedAt: null, endedAt: clock.now() };
      return answer.withdrawn === true
        ? [withdrawnReport(key, none)]
        : [failure(key, none, 'submission', answer.refused)];
    });
    const submittedAt = clock.now();
    log.info({ bundle: order.bundle, jobs: jobs.length, refused: refused.length }, 'submitted');
    return { reports: pack(refused), open: jobs.length - refused.length, submittedAt };
  }

  /**
   * Waits until jobs of the bundle have ended, and reports them. Returns early with what there is when failures wait, when much has come
   * together, or when the worker shuts down: being cancelled means only to stop and to return.
   */
  async function watchJobs(input: WatchInput): Promise<BundleReport> {
    // Beside the watch, which it must not hold up; its failure makes all of this be tried again.
    const [report, forgotten] = await Promise.allSettled([watched(input), forgetRecorded(input)]);
    // A computing element that is silent forgets nothing either: that it is silent is what counts.
    if (report.status === 'rejected') throw report.reason;
    if (forgotten.status === 'rejected') throw forgotten.reason;
    return report.value;
  }

  async function forgetRecorded(input: WatchInput): Promise<void> {
    await compute.forget([...attemptsOf(input.recorded)].map((key) => nameOf(input, key)));
  }

  async function watched(input: WatchInput): Promise<BundleReport> {
    const keys = [...attemptsOf(input.attempts)].map((key) => ({ key, name: nameOf(input, key) }));
    const running = new Set([...attemptsOf(input.running)].map((key) => key.job));
    const { cancellationSignal } = Context.current();
    const begun = clock.now();
    const ended = new Map<number, AttemptReport>();
    let firstEnd: number | null = null;
    let firstStart: number | null = null;
    let size = 0;
    let failed = 0;
    while (true) {
      const waiting = ended.size === 0 ? keys : keys.filter(({ key }) => !ended.has(key.job));
      const looked = performance.now();
      const statuses = await answerFor(waiting.map(({ name }) => name));
      const started: EndedAttempt[] = [];
      const over: EndedAttempt[] = [];
      for (const [i, status] of statuses.entries()) {
        const key = waiting[i]?.key;
        if (key === undefined || status.state === 'queued') continue;
        if (status.state !== 'running') over.push({ key, status });
        else if (!running.has(key.job)) started.push({ key, status });
      }
      for (let from = 0; from < over.length && size <= REPORT_SIZE; from += REPORTED_AT_ONCE) {
        const some = over.slice(from, from + REPORTED_AT_ONCE);
        for (const report of await attemptReports(some, compute, storages)) {
          const short =
            ended.size < LOG_TAILS
              ? report
              : { ...report, logTail: report.logTail.slice(-SHORT_TAIL) };
          ended.set(report.job, short);
          size += sizeOf(short);
          if (report.state !== 'done') failed++;
          firstEnd ??= clock.now();
          if (size > REPORT_SIZE) break;
        }
      }
      const late = input.overdueAt !== undefined && clock.now() >= input.overdueAt;
      const overdue = late ? waiting.filter((_, i) => statuses[i]?.state === 'queued') : [];
      if (started.length > 0) firstStart ??= clock.now();
      const life = { now: clock.now(), since: input.since ?? begun };
      const due = isReportDue({
        ...life,
        jobs: keys.length,
        ended: ended.size,
        ...{ failed, firstEnd, firstStart },
      });
      if (due || size > REPORT_SIZE || cancellationSignal.aborted || overdue.length > 0) {
        const begin = started.map(({ key, status }) => runningReport(key, status));
        const reports = [...ended.values(), ...begin].sort((a, b) => a.job - b.job);
        return {
          reports: pack(reports),
          begun: attemptRanges(begin),
          open: keys.length - ended.size,
          ...(overdue.length === 0
            ? {}
            : { overdue: attemptRanges(overdue.map(({ key }) => key)) }),
        };
      }
      const rest = firstEnd === null ? LOOK : firstEnd + reportPatience(life) - life.now;
      await compute.changed(Math.min(Math.max(50, rest), LOOK), cancellationSignal);
      const apart = Math.max(LOOK_APART.least, LOOK_APART.perJob * (keys.length - ended.size));
      const early = apart - (performance.now() - looked);
      if (early > 0) await delay(early);
    }
  }

  /**
   * What the computing element says of these jobs. One that does not answer is asked on, and given up when the lease of the site is over:
   * `FABRICA_COMPUTE_SILENT`.
   */
  async function answerFor(names: readonly string[]): Promise<CeStatus[]> {
    const { cancellationSignal } = Context.current();
    const { lease, name: site } = context.site;
    const silentSince = clock.now();
    for (let pause = ASK_AGAIN.first; ; pause = Math.min(2 * pause, ASK_AGAIN.most)) {
      try {
        return await compute.poll(names);
      } catch (error) {
        if (cancellationSignal.aborted) throw error;
        const rest = silentSince + 1000 * lease - clock.now();
        if (rest <= 0) {
          throw new FabricaError(
            'FABRICA_COMPUTE_SILENT',
            `The computing element of ${site} has not answered for ${lease} s: ${clause(messageOf(error))}.`,
            { site },
            { cause: error },
          );
        }
        log.warn({ site, error: messageOf(error) }, 'the computing element does not answer');
        await delay(Math.min(pause, rest), undefined, { signal: cancellationSignal }).catch(
          () => undefined,
        );
      }
    }
  }

  /** Afterwards no job of the bundle starts that has not; the watch reports them. Returns how many that are. */
  async function withdrawJobs(input: BundleHandle): Promise<number> {
    const names = [...attemptsOf(input.attempts)].map((key) => nameOf(input, key));
    return (await compute.withdraw(names)).length;
  }

  /** Afterwards no job of the bundle runs or will ever run, and nothing of them is left at the site. */
  async function endJobs(input: BundleHandle): Promise<void> {
    const names = [...attemptsOf(input.attempts)].map((key) => nameOf(input, key));
    await compute.end(names);
    await compute.forget(names);
  }

  /** Nothing is left at the site of jobs that have ended and are recorded. */
  async function forgetJobs(input: BundleHandle): Promise<void> {
    await compute.forget([...attemptsOf(input.attempts)].map((key) => nameOf(input, key)));
  }

  /** Nothing of other epochs runs at the site or is left there, and what is of earlier ones will never run. Returns how many jobs that were. */
  async function retireEpochs({ epoch }: { epoch: string }): Promise<{ ended: number }> {
    const ended = await compute.retire(epoch);
    log.info({ site: context.site.name, epoch, ended }, 'jobs of earlier epochs are ended');
    return { ended };
  }

  /** Puts logs of the bundle on a storage, and has the site forget them. Where that fails it is done again: the archive is found where it is. */
  async function archive(input: ArchiveInput): Promise<ArchiveAnswer> {
    const { sleep } = Context.current();
    const answer = await archiveLogs(input, { compute, storages, clock, sleep });
    if (answer.lost !== '') log.warn({ bundle: input.bundle, why: answer.lost }, 'logs are lost');
    if (input.forget === undefined) return answer;
    await compute.forget([...attemptsOf(input.forget)].map((key) => nameOf(input, key)));
    return { ...answer, done: true };
  }

  /** The end of a job's log, or its beginning; null if the site has none (any more). */
  async function readLog(input: {
    epoch: string;
    production: string;
    job: number;
    attempt: number;
    part: 'head' | 'tail';
  }): Promise<LogText | null> {
    const bytes = { head: 0, tail: 0, [input.part]: LARGEST_ANSWER };
    const found = await compute.readLog(ceJobName(input), bytes);
    return found === null ? null : logText(found[input.part], found.size, input.part);
  }

  /** Whether jobs can be submitted now, and the slots; an error tells why not. */
  async function checkSite(): Promise<{ total: number; running: number; queued: number }> {
    try {
      await compute.check();
      return await compute.slots();
    } catch (error) {
      throw new FabricaError(
        'FABRICA_COMPUTE_SUBMISSION',
        `Site ${context.site.name} takes no jobs: ${clause(messageOf(error))}.`,
        { site: context.site.name },
        { cause: error },
      );
    }
  }

  return {
    submission: withHeartbeat(withFailures({ submitJobs })),
    io: withHeartbeat(
      withFailures({
        ...{ watchJobs, withdrawJobs, endJobs, forgetJobs, retireEpochs },
        ...{ archiveLogs: archive, readLog, checkSite },
      }),
    ),
  };
}

export type SiteActivities = ReturnType<typeof createSiteActivities>;
export type SubmissionActivities = SiteActivities['submission'];
export type SiteIoActivities = SiteActivities['io'];

function nameOf(bundle: { epoch: string; production: string }, key: AttemptKey): string {
  return ceJobName({
    epoch: bundle.epoch,
    production: bundle.production,
    job: key.job,
    attempt: key.attempt,
  });
}

/** Bytes of a report in the history, about. */
function sizeOf({ logTail, outputs, reason }: AttemptReport): number {
  let size = BARE_SIZE.attempt + COMPRESSED.text * (JSON.stringify(logTail).length + reason.length);
  for (const { path } of outputs) size += BARE_SIZE.output + COMPRESSED.path * path.length;
  return size;
}
