import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../domain/clock.js';
import { systemClock } from '../../domain/clock.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';
import { isOfEarlierEpoch } from '../../domain/names.js';
import { silentLog } from '../../domain/log.js';
import { ChangeSignal } from './change-signal.js';
import type {
  CeLog,
  CeSlots,
  CeStatus,
  CeSubmission,
  ComputeElement,
  WrappedJob,
} from './compute-element.js';
import {
  createJob,
  forbidStart,
  jobFolder,
  jobOrder,
  jobPlace,
  jobsIn,
  startOf,
} from './local-job.js';
import {
  EARLIER,
  ENDED_BEFORE,
  isJobName,
  notRetired,
  RETIRE_ROUNDS,
  LARGEST_REPORT,
  openStaging,
  readEnds,
  readHead,
  rememberedEpoch,
  rememberEpoch,
  removeFolders,
  writtenAt,
} from './spool.js';
import { Staging } from './staging.js';
import type { ProcessIdentity } from './process.js';
import { isAlive, killMarked, killSession, signalProcess, waitUntilGone } from './process.js';
import { Slots } from './slots.js';
import { wrapperScript } from './wrapper.js';
import { clause } from '../../domain/clause.js';

export interface LocalComputeOptions {
  readonly site: string;
  /** Jobs that run at once. */
  readonly slots: number;
  /** The spool: one folder per job below it. Created if it is not there. */
  readonly folder: string;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: silence. */
  readonly log?: Log;
}

interface Job {
  readonly name: string;
  readonly folder: string;
  /** The folder, relative to the spool. */
  readonly place: string;
  /** See `jobOrder`. */
  readonly order: number;
  state: 'queued' | 'running' | 'ended';
  /** It has ended because somebody has decided that it never starts. */
  withdrawn: boolean;
  /** The wrapper; null while this process has just started it, and if it never started. */
  process: ProcessIdentity | null;
  startedAt: number | null;
  endedAt: number | null;
}

/** How often wrappers that are not children of this process are looked at (ms). */
const ADOPTED_POLL = 500;
/** From TERM to KILL (ms); the wrapper gives its payload ten seconds of them. */
const GRACE = 15_000;
/** Between two jobs' places in the queue (ms): file times are cut to a microsecond, so one would not do. */
const STEP = 0.002;
/** A wrapper that its pilot was just starting as it died comes to `wrapper.started` within this (ms). */
const LAST_START = 100;
/** A start that is still `unclear` after this (ms) was cut off: its process died between creating and writing the file. */
const UNCLEAR = 2000;
/** Jobs whose folders are written, read or removed at the same time. */
const WIDTH = 16;
/** Jobs of earlier epochs that are ended at the same time. */
const RETIRED_AT_ONCE = 500;
/** Submitted jobs that are queued at the same time. */
const QUEUED_TOGETHER = 32;
/** The wrapper sets it for all that a payload starts. */
const JOB_NAME = 'FABRICA_JOB_NAME';
/** What a wrapper inherits from this process, besides nothing. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/**
 * This machine as a computing element. Wrappers are processes of their own sessions and outlive this process; it is only their
 * scheduler: it starts queued jobs in order of submission while slots are free, and learns of their ends. All that must survive it
 * is in the jobs' folders (`local-job.ts`), so that the next one on the same folder goes on from there:
 *
 *   no `wrapper.started`          queued
 *   started, process alive        running; adopted, counts against the slots, and is looked at every 500 ms
 *   started, process gone         ended, with or without a report; what it left running is killed
 *   started by a tombstone        ended; it never ran
 */
export class LocalComputeElement implements ComputeElement {
  readonly kind = 'local';
  readonly site: string;
  readonly #total: number;
  readonly #spool: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #jobs = new Map<string, Job>();
  readonly #slots: Slots<Job>;
  /** In order of submission. */
  readonly #queue = new Set<Job>();
  readonly #running = new Set<Job>();
  readonly #adopted = new Set<Job>();
  /** Running for all that is known; their folders are just being asked. */
  readonly #unclear = new Set<Job>();
  readonly #ends = new ChangeSignal();
  readonly #staging = new Staging(() => this.#load());
  #lastOrder = 0;
  /** Jobs of earlier ones are not taken; null while all are. */
  #epoch: string | null = null;
  #adoptedTimer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Starts at once to look for the jobs of the process before, and to go on with them. */
  constructor(options: LocalComputeOptions) {
    this.site = options.site;
    this.#total = options.slots;
    this.#spool = path.resolve(options.folder);
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    this.#slots = new Slots<Job>({
      total: options.slots,
      spool: this.#spool,
      environment: inheritedEnvironment(),
      queue: this.#queue,
      taken: () => this.#adopted.size + this.#unclear.size,
      begun: (job) => {
        this.#begun(job);
      },
      ended: (job, code) => {
        void this.#wrapperEnded(job, code);
      },
      passedOver: (job) => {
        void this.#clarified(job, () => this.#passedOver(job));
      },
      pilotLost: (job, why) => {
        this.#log.warn({ site: this.site, job: job.name, why }, 'a pilot is lost');
        void this.#clarified(job, () => this.#notStarted(job));
      },
    });
    this.#staging.ready().catch((error: unknown) => {
      this.#log.error({ site: this.site, error: messageOf(error) }, 'cannot read the spool');
    });
  }

  async submit(jobs: readonly WrappedJob[]): Promise<CeSubmission[]> {
    const staging = await this.#staging.ready();
    const first = Math.max(this.#clock.now(), this.#lastOrder + STEP);
    this.#lastOrder = first + jobs.length * STEP;
    const submissions: CeSubmission[] = [];
    // In parts, so that the first of many jobs do not wait for the folders of the last.
    for (let done = 0; done < jobs.length; done += QUEUED_TOGETHER) {
      const part = await inParallel(
        jobs.slice(done, done + QUEUED_TOGETHER),
        async (job, index) => {
          try {
            return await this.#take(job, staging, first + (done + index) * STEP);
          } catch (error) {
            return { name: job.name, ceId: '', refused: messageOf(error) };
          }
        },
      );
      // Folders are written side by side; the queue is in the order of submission.
      for (const { name } of part) {
        const job = this.#jobs.get(name);
        if (job?.state === 'queued') this.#queue.add(job);
      }
      this.#slots.fill();
      submissions.push(...part);
    }
    return submissions;
  }

  async poll(names: readonly string[]): Promise<CeStatus[]> {
    await this.#staging.ready();
    const waits: number[] = [];
    const statuses = names.map((name, index) => {
      const job = this.#jobs.get(name);
      if (job === undefined || job.state === 'ended') waits.push(index);
      return job === undefined ? unknownStatus(name) : statusOf(job);
    });
    await inParallel(waits, async (index) => {
      const name = names[index] ?? '';
      const job = this.#jobs.get(name) ?? (await this.#discover(name));
      if (job !== null) statuses[index] = await reportedStatusOf(job);
    });
    return statuses;
  }

  changed(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#ends.wait(milliseconds, signal);
  }

  async end(names: readonly string[]): Promise<void> {
    await this.#staging.ready();
    // All at once, for each may have to wait for the grace time.
    await Promise.all(names.filter(isJobName).map((name) => this.#end(name)));
  }

  async withdraw(names: readonly string[]): Promise<string[]> {
    await this.#staging.ready();
    const withdrawn = await inParallel(names.filter(isJobName), async (name) => {
      if (await this.#forbid(name)) return [name];
      const { by } = await startOf(jobFolder(this.#spool, name));
      return by === 'tombstone' ? [name] : [];
    });
    return withdrawn.flat();
  }

  async forget(names: readonly string[]): Promise<void> {
    await this.#staging.ready();
    const jobs = await inParallel(names, (name) => this.#ended(name));
    const ended = jobs.filter((job) => job !== null);
    if (ended.length === 0) return;
    const killed = await killMarked(JOB_NAME, new Set(ended.map(({ name }) => name)));
    if (killed > 0) this.#log.warn({ site: this.site, killed }, 'killed what payloads had left');
    await removeFolders(ended.map(({ folder }) => folder));
    for (const { name } of ended) this.#jobs.delete(name);
  }

  async retire(epoch: string): Promise<number> {
    const staging = await this.#staging.ready();
    // First: what is just being submitted meets it when its folder is there.
    await rememberEpoch(this.#spool, staging, epoch);
    this.#epoch = epoch;
    const retired = new Set<string>();
    for (let round = 0; round < RETIRE_ROUNDS; round++) {
      const names: string[] = [];
      for await (const { name } of jobsIn(this.#spool)) {
        if (!name.startsWith(`${epoch}.`)) names.push(name);
      }
      if (names.length === 0) return retired.size;
      for (let first = 0; first < names.length; first += RETIRED_AT_ONCE) {
        const some = names.slice(first, first + RETIRED_AT_ONCE);
        await this.end(some);
        await this.forget(some);
        for (const name of some) retired.add(name);
      }
    }
    throw notRetired(this.site, this.#spool);
  }

  async readLog(name: string, part: { head: number; tail: number }): Promise<CeLog | null> {
    return isJobName(name) ? readEnds(jobFolder(this.#spool, name), 'log', part) : null;
  }

  async slots(): Promise<CeSlots> {
    await this.#staging.ready();
    return { total: this.#total, running: this.#running.size, queued: this.#queue.size };
  }

  async check(): Promise<void> {
    try {
      await this.#staging.probe();
    } catch (error) {
      throw new FabricaError(
        'FABRICA_COMPUTE_SUBMISSION',
        `The spool ${this.#spool} of site ${this.site} cannot be used: ${clause(messageOf(error))}.`,
        { site: this.site, path: this.#spool },
        { remedy: 'Make the folder writable, or free its disk.', cause: error },
      );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#adoptedTimer);
    this.#ends.raise();
    await this.#slots.close();
    await this.#staging.close();
  }

  async #load(): Promise<string> {
    const staging = await openStaging(this.#spool, this.#clock.now());
    this.#epoch = await rememberedEpoch(this.#spool);
    const found: { name: string; folder: string }[] = [];
    for await (const job of jobsIn(this.#spool)) found.push(job);
    const jobs = await inParallel(found, ({ name }) => this.#discover(name, false));
    const queued = jobs.filter((job) => job?.state === 'queued').filter((job) => job !== null);
    for (const job of queued.sort((a, b) => a.order - b.order)) {
      this.#queue.add(job);
      this.#lastOrder = Math.max(this.#lastOrder, job.order);
    }
    if (found.length > 0) {
      this.#log.info(
        {
          site: this.site,
          queued: queued.length,
          running: this.#running.size,
          jobs: found.length,
        },
        'found jobs of an earlier process',
      );
    }
    this.#slots.fill();
    return staging;
  }

  async #take(job: WrappedJob, staging: string, order: number): Promise<CeSubmission> {
    const { name } = job;
    if (!isJobName(name)) {
      return { name, ceId: '', refused: `${JSON.stringify(name)} cannot be the name of a job` };
    }
    const known = this.#jobs.get(name);
    if (known !== undefined) {
      return known.withdrawn
        ? { name, ceId: '', refused: ENDED_BEFORE, withdrawn: true }
        : { name, ceId: name, refused: '' };
    }
    if (this.#isEarlier(name)) return { name, ceId: '', refused: EARLIER };
    const folder = jobFolder(this.#spool, name);
    const script = wrapperScript(job.wrapper, await job.access?.());
    if (await createJob(staging, folder, script, order)) {
      if (this.#isEarlier(name)) {
        await forbidStart(folder);
        return { name, ceId: '', refused: EARLIER };
      }
      if (!this.#jobs.has(name)) this.#jobs.set(name, newJob(name, folder, order));
      return { name, ceId: name, refused: '' };
    }
    const { by } = await startOf(folder);
    if (by === 'tombstone') return { name, ceId: '', refused: ENDED_BEFORE, withdrawn: true };
    await this.#discover(name);
    return { name, ceId: name, refused: '' };
  }

  #isEarlier(name: string): boolean {
    return this.#epoch !== null && isOfEarlierEpoch(name, this.#epoch);
  }

  /** Learns of a job from its folder; null if there is none. With `queue`, a job that waits is queued here as well. */
  async #discover(name: string, queue = true): Promise<Job | null> {
    if (!isJobName(name)) return null;
    const folder = jobFolder(this.#spool, name);
    const order = await jobOrder(folder);
    const start = await startOf(folder);
    const known = this.#jobs.get(name);
    if (known !== undefined) return known;
    if (order === null && start.by === 'nobody') return null;
    const job = newJob(name, folder, order ?? 0);
    this.#jobs.set(name, job);
    if (start.by === 'nobody') {
      if (queue) {
        this.#queue.add(job);
        this.#slots.fill();
      }
    } else {
      await this.#follow(job);
    }
    return job;
  }

  /** The job if it has ended, else null. Another element on the spool may have run it or seen it end: the folder is asked. */
  async #ended(name: string): Promise<Job | null> {
    const job = this.#jobs.get(name) ?? (await this.#discover(name));
    if (job === null || job.state === 'ended') return job;
    const start = await startOf(job.folder);
    if (start.by === 'nobody' || start.by === 'unclear') return null;
    if (start.by === 'process' && (await isAlive(start.process))) return null;
    await this.#follow(job);
    return job;
  }

  /** Brings a job whose start was decided elsewhere to what its folder says. */
  async #follow(job: Job): Promise<void> {
    let start = await startOf(job.folder);
    for (let waited = 0; start.by === 'unclear' && waited < UNCLEAR; waited += 20) {
      await delay(20);
      start = await startOf(job.folder);
    }
    if (start.by === 'process') {
      job.process = start.process;
      job.startedAt = start.at;
      if (await isAlive(start.process)) this.#adopt(job);
      else await this.#wrapperGone(job);
    } else {
      if (start.by === 'tombstone') {
        job.startedAt = null;
        job.withdrawn = true;
      }
      this.#markEnded(job, start.by === 'nobody' ? this.#clock.now() : start.at);
    }
  }

  #adopt(job: Job): void {
    job.state = 'running';
    this.#queue.delete(job);
    this.#running.add(job);
    this.#adopted.add(job);
    if (this.#closed) return;
    this.#adoptedTimer ??= setInterval(() => {
      for (const adopted of this.#adopted) void this.#lookAt(adopted);
    }, ADOPTED_POLL).unref();
  }

  async #lookAt(job: Job): Promise<void> {
    if (job.process !== null && (await isAlive(job.process))) return;
    if (this.#adopted.delete(job)) await this.#wrapperGone(job);
  }

  #begun(job: Job): void {
    this.#queue.delete(job);
    job.state = 'running';
    job.startedAt = this.#clock.now();
    this.#running.add(job);
  }

  /** The job keeps its slot until it is known what has become of it. */
  async #clarified(job: Job, ask: () => Promise<void>): Promise<void> {
    this.#unclear.add(job);
    try {
      await ask();
    } catch (error) {
      this.#log.error({ site: this.site, job: job.name, error: messageOf(error) }, 'lost a job');
      this.#markEnded(job, this.#clock.now());
    } finally {
      this.#unclear.delete(job);
      this.#slots.fill();
    }
  }

  async #passedOver(job: Job): Promise<void> {
    if (await this.#isThere(job)) await this.#follow(job);
  }

  /** A job that has probably not started. */
  async #notStarted(job: Job): Promise<void> {
    if ((await startOf(job.folder)).by === 'nobody') await delay(LAST_START);
    if (!(await this.#isThere(job))) return;
    if ((await startOf(job.folder)).by === 'nobody') this.#requeue(job);
    else await this.#follow(job);
  }

  /** Forgets a job whose folder is gone. */
  async #isThere(job: Job): Promise<boolean> {
    if ((await jobOrder(job.folder)) !== null) return true;
    this.#running.delete(job);
    this.#jobs.delete(job.name);
    this.#ends.raise();
    return false;
  }

  /** Puts a job that did not start first in the queue. */
  #requeue(job: Job): void {
    if (job.state !== 'running') return;
    this.#running.delete(job);
    job.state = 'queued';
    job.startedAt = null;
    const later = [...this.#queue];
    this.#queue.clear();
    for (const each of [job, ...later]) this.#queue.add(each);
  }

  /** A wrapper that a pilot of this process has run has ended. */
  async #wrapperEnded(job: Job, code: number): Promise<void> {
    if (job.state === 'ended') return;
    // Codes above 2 are not the wrapper's own: it had no time to clean up, or it never came to run.
    if (code > 2) {
      const start = await startOf(job.folder);
      if (start.by === 'nobody') {
        this.#log.warn({ site: this.site, job: job.name, code }, 'cannot start a job');
        return this.#clarified(job, () => this.#notStarted(job));
      }
      if (start.by === 'process') await killSession(start.process);
    }
    this.#markEnded(job, this.#clock.now());
  }

  /** A wrapper that is no child of this process has gone. */
  async #wrapperGone(job: Job): Promise<void> {
    const reported = await writtenAt(job.folder, 'report');
    if (reported === null && job.process !== null) {
      const killed = await killSession(job.process);
      if (killed > 0) {
        this.#log.warn({ site: this.site, job: job.name, killed }, 'killed what a wrapper left');
      }
    }
    this.#markEnded(job, reported ?? this.#clock.now());
  }

  #markEnded(job: Job, at: number): void {
    this.#queue.delete(job);
    this.#running.delete(job);
    this.#adopted.delete(job);
    if (job.state !== 'ended') {
      job.state = 'ended';
      job.endedAt = at;
    }
    this.#slots.fill();
    this.#ends.raise();
  }

  /** Decides that a job never starts; false if that was decided before, one way or the other. */
  async #forbid(name: string): Promise<boolean> {
    const folder = jobFolder(this.#spool, name);
    if (!(await forbidStart(folder))) return false;
    const job = this.#jobs.get(name) ?? newJob(name, folder, 0);
    this.#jobs.set(name, job);
    job.startedAt = null;
    job.withdrawn = true;
    this.#markEnded(job, this.#clock.now());
    return true;
  }

  async #end(name: string): Promise<void> {
    if (await this.#forbid(name)) return;
    const folder = jobFolder(this.#spool, name);
    const job = this.#jobs.get(name) ?? (await this.#discover(name));
    if (job === null || job.state === 'ended') return;
    const start = await startOf(folder);
    if (start.by !== 'process') {
      // Somebody else is just deciding.
      await this.#follow(job);
      return job.state === 'running' ? this.#end(name) : undefined;
    }
    if (await isAlive(start.process)) {
      signalProcess(start.process.pid, 'SIGTERM');
      if (!(await waitUntilGone(start.process, GRACE))) {
        this.#log.warn({ site: this.site, job: name }, 'a wrapper does not heed SIGTERM');
      }
    }
    await killSession(start.process);
    await waitUntilGone(start.process, GRACE);
    this.#markEnded(job, this.#clock.now());
  }
}

function statusOf(job: Job): CeStatus {
  const { name, startedAt, endedAt } = job;
  const state = job.withdrawn ? 'withdrawn' : job.state;
  return { name, state, ceId: name, startedAt, endedAt, report: null, payloadReport: null };
}

/** With what the job has left, if it has ended. */
async function reportedStatusOf(job: Job): Promise<CeStatus> {
  const status = statusOf(job);
  if (status.state !== 'ended') return status;
  return {
    ...status,
    report: await readHead(job.folder, 'report', LARGEST_REPORT),
    payloadReport: await readHead(job.folder, 'fabrica-report.json', LARGEST_REPORT),
  };
}

function newJob(name: string, folder: string, order: number): Job {
  return {
    name,
    folder,
    place: jobPlace(name),
    order,
    state: 'queued',
    withdrawn: false,
    process: null,
    startedAt: null,
    endedAt: null,
  };
}

function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function unknownStatus(name: string): CeStatus {
  return {
    name,
    state: 'unknown',
    ceId: '',
    startedAt: null,
    endedAt: null,
    report: null,
    payloadReport: null,
  };
}

/** The results in the order of the items; at most `WIDTH` are worked on at the same time. */
async function inParallel<T, R>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await act(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(WIDTH, items.length) }, work));
  return results;
}
