import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import { clause } from '../../../domain/clause.js';
import type { Clock } from '../../../domain/clock.js';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import type { Log } from '../../../domain/log.js';
import { isOfEarlierEpoch } from '../../../domain/names.js';
import type {
  CeLog,
  CeSlots,
  CeStatus,
  CeSubmission,
  ComputeElement,
  WrappedJob,
} from '../compute-element.js';
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
} from '../spool.js';
import { Staging } from '../staging.js';
import { wrapperParts } from '../wrapper.js';
import type { ActiveTasks } from './answers.js';
import {
  endedJobs,
  forbidTask,
  forgetEnded,
  jobFolderOf,
  noteEnded,
  publishArray,
  type ArrayJob,
} from './array-folder.js';
import { TaskArrays, type Task, type TaskArray } from './arrays.js';
import { SlurmClient, type SlurmSubmission } from './client.js';
import { Follower } from './follower.js';
import { SlurmQueue } from './queue.js';

export interface SlurmComputeOptions {
  readonly site: string;
  /** Jobs that run at once, at most; how many do is Slurm's. */
  readonly slots: number;
  /** On a disk that this process shares with all nodes. Created if it is not there. */
  readonly folder: string;
  readonly submission: SlurmSubmission;
  readonly clock: Clock;
  readonly log: Log;
  /** What neither the controller nor the accounting knows counts as lost after this, ms. (Default: 60 s) */
  readonly patience?: number;
  /** Slurm is asked what it has at most once in so many ms, unless something has been changed there. (Default: 1 s) */
  readonly look?: number;
}

/** Beside the payload's wall limit: for its validation, its inputs and its outputs, s and times the limit. */
const TIME_ROOM = { seconds: 3600, times: 1.1 };
/** The wrapper itself watches over the memory of the payload; it and the cache of files need some more, MB and times the limit. */
const MEMORY_ROOM = { MB: 200, times: 1.1 };
/** Slurm has that long (ms) to end jobs that are cancelled: its own time of grace is 30 s. */
const END_LIMIT = 120_000;
/** Between two looks at jobs that are just being ended, ms; the request is repeated after so many of them. */
const END_LOOK = { pause: 500, repeat: 20 };
/** Files of a shared disk that are read or written at the same time. */
const CONCURRENCY = { concurrency: 16 };

/**
 * A cluster of Slurm. Jobs are tasks of arrays, one array for a submission; what is known of them lies in the folder that the nodes share
 * (array-folder.ts), so that any process on it goes on from there. The order of a submission is: what is meant (the array, in the folder),
 * then the deed (`sbatch`), then what came of it (Slurm's id). Whoever finds an array without an id asks Slurm for its name.
 *
 * What Slurm says of a task tells only whether it may still run; whether it has started, its folder says, and how it has ended, its report.
 * Slurm's own word counts for those that have left none.
 */
export class SlurmComputeElement implements ComputeElement {
  readonly kind = 'slurm';
  readonly site: string;
  readonly #total: number;
  readonly #spool: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: SlurmClient;
  readonly #queue: SlurmQueue;
  readonly #arrays: TaskArrays;
  readonly #follower: Follower;
  readonly #staging = new Staging(() => this.#load());
  /** Submissions come one after the other: a controller likes few of them, and the same call twice is then no race. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SlurmComputeOptions) {
    const { clock, log, look = 1000, patience = 60_000, site, submission } = options;
    this.site = site;
    this.#total = options.slots;
    this.#spool = path.resolve(options.folder);
    this.#clock = clock;
    this.#log = log;
    this.#client = new SlurmClient({ site, submission });
    this.#queue = new SlurmQueue(() => this.#client.active(), look);
    this.#arrays = new TaskArrays(this.#spool);
    this.#follower = new Follower({
      ...{ arrays: this.#arrays, client: this.#client, clock, log, patience, site },
    });
  }

  submit(jobs: readonly WrappedJob[]): Promise<CeSubmission[]> {
    const submission = this.#turn.then(() => this.#submit(jobs));
    this.#turn = submission.catch(() => undefined);
    return submission;
  }

  async poll(names: readonly string[]): Promise<CeStatus[]> {
    await this.#staging.ready();
    const strangers = await this.#follow(names);
    const statuses = names.map((name) => this.#statusOf(name, strangers));
    const ended = [...statuses.entries()].filter(([, { state }]) => state === 'ended');
    await pMap(
      ended,
      async ([i, status]) => {
        statuses[i] = await this.#reported(status);
      },
      CONCURRENCY,
    );
    return statuses;
  }

  changed(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#queue.changed(milliseconds, signal);
  }

  async end(names: readonly string[]): Promise<void> {
    const { known } = await this.#forbid(names);
    await this.#cancel(
      known.filter(({ over }) => over === null),
      true,
    );
    await this.#follower.close(known);
  }

  async withdraw(names: readonly string[]): Promise<string[]> {
    const { strangers, known } = await this.#forbid(names);
    const withdrawn = known.filter(({ withdrawnAt }) => withdrawnAt !== null);
    await this.#cancel(withdrawn, false);
    const never = new Set([...strangers, ...withdrawn.map(({ name }) => name)]);
    return names.filter((name) => never.has(name));
  }

  async forget(names: readonly string[]): Promise<void> {
    await this.#staging.ready();
    const strangers = await this.#follow(names);
    const ended = names.flatMap((name) => {
      const task = this.#arrays.task(name);
      return task !== undefined && (task.over !== null || task.withdrawnAt !== null) ? [task] : [];
    });
    for (const [array, tasks] of byArray(new Set(ended))) {
      // The folders go with the array, if it does.
      if (tasks.length < array.tasks.size) {
        await removeFolders(tasks.map(({ index }) => jobFolderOf(array, index)));
      }
      await this.#arrays.forget(
        array,
        tasks.map(({ index }) => index),
      );
    }
    await forgetEnded(
      this.#spool,
      names.filter((name) => strangers.has(name)),
    );
  }

  async retire(epoch: string): Promise<number> {
    const staging = await this.#staging.ready();
    // First: what is just being submitted meets it before Slurm is told.
    await rememberEpoch(this.#spool, staging, epoch);
    const retired = new Set<string>();
    const isOther = (name: string): boolean => !name.startsWith(`${epoch}.`);
    for (let round = 0; round < RETIRE_ROUNDS; round++) {
      await this.#arrays.refresh();
      const tasks = [...this.#arrays.tasks()].map(({ name }) => name).filter(isOther);
      const ended = [...(await endedJobs(this.#spool))].filter(isOther);
      if (tasks.length + ended.length === 0) return retired.size;
      await this.end(tasks);
      await this.forget([...tasks, ...ended]);
      for (const name of [...tasks, ...ended]) retired.add(name);
    }
    throw notRetired(this.site, this.#spool);
  }

  async readLog(name: string, part: { head: number; tail: number }): Promise<CeLog | null> {
    await this.#staging.ready();
    await this.#learn([name]);
    const task = this.#arrays.task(name);
    return task === undefined ? null : readEnds(jobFolderOf(task.array, task.index), 'log', part);
  }

  async slots(): Promise<CeSlots> {
    await this.#staging.ready();
    await this.#arrays.refresh();
    const active = await this.#queue.tasks();
    const counts = { running: 0, queued: 0 };
    for (const { array, index, over, withdrawnAt } of this.#arrays.tasks()) {
      const groups = over === null ? active.get(array.name)?.get(index) : undefined;
      if (groups === undefined) continue;
      if (groups.some(({ state }) => state !== 'queued')) counts.running++;
      else if (withdrawnAt === null) counts.queued++;
    }
    return { total: this.#total, ...counts };
  }

  async check(): Promise<void> {
    try {
      await this.#staging.probe();
    } catch (error) {
      throw new FabricaError(
        'FABRICA_COMPUTE_SUBMISSION',
        `The folder ${this.#spool} of site ${this.site} cannot be used: ${clause(messageOf(error))}.`,
        { site: this.site, path: this.#spool },
        {
          remedy: 'Make the folder writable here and on all nodes, or free its disk.',
          cause: error,
        },
      );
    }
    await this.#client.check();
  }

  async close(): Promise<void> {
    this.#queue.close();
    await this.#staging.close();
  }

  async #load(): Promise<string> {
    const staging = await openStaging(this.#spool, this.#clock.now());
    await this.#arrays.refresh();
    const jobs = [...this.#arrays.tasks()].length;
    if (jobs > 0) this.#log.info({ site: this.site, jobs }, 'found jobs of an earlier process');
    return staging;
  }

  async #submit(jobs: readonly WrappedJob[]): Promise<CeSubmission[]> {
    const staging = await this.#staging.ready();
    await this.#arrays.discover();
    const epoch = await rememberedEpoch(this.#spool);
    const ended = await endedJobs(this.#spool);
    const refused = new Map<string, CeSubmission>();
    const fresh = new Map<string, ArrayJob>();
    const known = new Set<TaskArray>();
    for (const job of jobs) {
      const { name, wrapper } = job;
      const task = this.#arrays.task(name);
      if (task !== undefined) {
        known.add(task.array);
        continue;
      }
      if (!isJobName(name)) {
        refused.set(name, refusalOf(name, `${JSON.stringify(name)} cannot be the name of a job`));
      } else if (ended.has(name)) {
        refused.set(name, { ...refusalOf(name, ENDED_BEFORE), withdrawn: true });
      } else if (epoch !== null && isOfEarlierEpoch(name, epoch)) {
        refused.set(name, refusalOf(name, EARLIER));
      } else {
        try {
          fresh.set(name, { name, ...wrapperParts(wrapper, await job.access?.()) });
        } catch (error) {
          refused.set(name, refusalOf(name, messageOf(error)));
        }
      }
    }
    const wrapped = new Map(jobs.map((job) => [job.name, job]));
    // An earlier process, or an earlier call, may not have come to tell Slurm, or not have had its answer.
    for (const array of known) {
      if (array.id === null && mayRun(array) && !(await this.#adopt(array))) {
        const why = await this.#start(array, wrapped);
        // What has become of its tasks nobody knows who has not seen its answer: they are not given up.
        if (why !== '') throw this.#doubt(array, why);
      }
    }
    const waiting = [...fresh.values()];
    const most = fresh.size === 0 ? 1 : await this.#client.maxArraySize();
    for (let first = 0; first < waiting.length; first += most) {
      const part = waiting.slice(first, first + most);
      const array = this.#arrays.add(await publishArray(this.#spool, staging, part));
      await this.#yield(array);
      const why = mayRun(array) ? await this.#start(array, wrapped) : '';
      if (why === '') continue;
      for (const { name } of array.tasks.values()) refused.set(name, refusalOf(name, why));
      await this.#arrays.remove(array);
    }
    await this.#follower.readDecisions(
      [...wrapped.keys()].flatMap((name) => this.#arrays.task(name) ?? []),
    );
    return jobs.map(({ name }) => refused.get(name) ?? this.#submissionOf(name));
  }

  #submissionOf(name: string): CeSubmission {
    const task = this.#arrays.task(name);
    // It was forgotten, or retired, while it was being submitted.
    if (task === undefined) return refusalOf(name, EARLIER);
    if (task.withdrawnAt !== null) return { ...refusalOf(name, ENDED_BEFORE), withdrawn: true };
    return { name, ceId: idOf(task), refused: '' };
  }

  /** Jobs of a new array that stand in an earlier one belong there; those that were ended or retired meanwhile never start. */
  async #yield(array: TaskArray): Promise<void> {
    await this.#arrays.discover();
    const ended = await endedJobs(this.#spool);
    const epoch = await rememberedEpoch(this.#spool);
    for (const [index, name] of array.jobs.entries()) {
      const task = this.#arrays.task(name);
      if (task?.array !== array) {
        await forbidTask(array, index, 'elsewhere');
      } else if (ended.has(name) || (epoch !== null && isOfEarlierEpoch(name, epoch))) {
        if (await forbidTask(array, index, 'ended')) task.withdrawnAt = this.#clock.now();
      }
    }
    if (array.tasks.size === 0) await this.#arrays.remove(array);
  }

  /** Tells Slurm of an array; afterwards it has it, or the answer tells why it does not take it. */
  async #start(array: TaskArray, wrapped: ReadonlyMap<string, WrappedJob>): Promise<string> {
    const { folder, jobs, name } = array;
    const specs = jobs.flatMap((job) => wrapped.get(job)?.wrapper ?? []);
    const most = (numbers: number[]): number => Math.max(0, ...numbers);
    const wall = most(specs.map(({ wallSeconds }) => wallSeconds));
    const memory = most(specs.map(({ memoryMB }) => memoryMB));
    const { id, refused } = await this.#client.submit({
      ...{ name, folder, tasks: jobs.length },
      comment: `Fabrica ${this.site}: ${jobs.length} jobs from ${jobs[0] ?? ''}`,
      seconds: TIME_ROOM.times * wall + TIME_ROOM.seconds,
      memoryMB: MEMORY_ROOM.times * memory + MEMORY_ROOM.MB,
    });
    this.#queue.outdate();
    if (refused === '') await this.#arrays.setId(array, id);
    // What was killed while it asked may have been heard.
    else if (await this.#adopt(array)) return '';
    return refused;
  }

  /** Whether Slurm has an array whose submission was not answered. */
  async #adopt(array: TaskArray): Promise<boolean> {
    this.#queue.outdate();
    const found = (await this.#queue.tasks()).get(array.name)?.values().next().value?.[0];
    if (found !== undefined) await this.#arrays.setId(array, found.id);
    return found !== undefined;
  }

  #doubt(array: TaskArray, why: string): FabricaError {
    return new FabricaError(
      'FABRICA_COMPUTE_SUBMISSION',
      `Slurm of site ${this.site} may have the jobs of ${array.name}, and takes them no more: ${clause(why)}.`,
      { site: this.site },
    );
  }

  /** Brings what is known of these jobs to what is true now. Returns the names that were ended before they came. */
  async #follow(names: readonly string[]): Promise<ReadonlySet<string>> {
    const strangers = await this.#learn(names);
    const open = names.flatMap((name) => {
      const task = this.#arrays.task(name);
      return task?.over !== null || task.withdrawnAt !== null ? [] : [task];
    });
    if (open.length > 0) {
      const active = await this.#queue.tasks();
      for (const [array, tasks] of byArray(new Set(open))) {
        await this.#follower.follow(array, tasks, active.get(array.name));
      }
    }
    return strangers;
  }

  /** Learns of jobs that other processes have submitted, ended or forgotten. Returns the names that were ended before they came. */
  async #learn(names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    await this.#arrays.refresh();
    const isKnown = (name: string): boolean => this.#arrays.task(name) !== undefined;
    return names.every(isKnown) ? new Set() : endedJobs(this.#spool);
  }

  #statusOf(name: string, strangers: ReadonlySet<string>): CeStatus {
    const task = this.#arrays.task(name);
    const nothing = { startedAt: null, endedAt: null, report: null, payloadReport: null };
    if (task === undefined) {
      const state = strangers.has(name) ? 'withdrawn' : 'unknown';
      return { name, state, ceId: '', ...nothing };
    }
    const { array, over, startedAt, withdrawnAt } = task;
    const ceId = idOf(task);
    if (withdrawnAt !== null) {
      return { name, state: 'withdrawn', ceId, ...nothing, endedAt: withdrawnAt };
    }
    if (over === null) {
      // One that Slurm was never told of.
      const state = startedAt !== null ? 'running' : array.id === null ? 'unknown' : 'queued';
      return { name, state, ceId, ...nothing, startedAt };
    }
    const symptom = over.symptom === null ? {} : { symptom: over.symptom };
    return { name, state: 'ended', ceId, ...nothing, startedAt, endedAt: over.endedAt, ...symptom };
  }

  /** With what the job has left. */
  async #reported(status: CeStatus): Promise<CeStatus> {
    const task = this.#arrays.task(status.name);
    if (task === undefined) return status;
    const folder = jobFolderOf(task.array, task.index);
    return {
      ...status,
      report: await readHead(folder, 'report', LARGEST_REPORT),
      payloadReport: await readHead(folder, 'fabrica-report.json', LARGEST_REPORT),
    };
  }

  /** Decides of each of these jobs that has not started that it never will. Returns those that are known, and the names of the others. */
  async #forbid(
    names: readonly string[],
  ): Promise<{ known: readonly Task[]; strangers: readonly string[] }> {
    await this.#staging.ready();
    const good = [...new Set(names.filter(isJobName))];
    await this.#learn(good);
    const isStranger = (name: string): boolean => this.#arrays.task(name) === undefined;
    const unknown = good.filter(isStranger);
    if (unknown.length > 0) {
      await pMap(unknown, (name) => noteEnded(this.#spool, name), CONCURRENCY);
      // Whoever publishes an array looks for what has been noted before; what has been published before is found here.
      await this.#arrays.refresh();
    }
    const known = good.flatMap((name) => this.#arrays.task(name) ?? []);
    const undecided = known.filter(
      ({ over, startedAt, withdrawnAt }) =>
        over === null && startedAt === null && withdrawnAt === null,
    );
    await pMap(
      undecided,
      async (task) => {
        if (await forbidTask(task.array, task.index, 'ended')) {
          task.withdrawnAt = this.#clock.now();
        }
      },
      CONCURRENCY,
    );
    await this.#follower.readDecisions(undecided.filter(({ withdrawnAt }) => withdrawnAt === null));
    if (undecided.some(({ withdrawnAt }) => withdrawnAt !== null)) this.#queue.raise();
    return { known, strangers: unknown.filter(isStranger) };
  }

  /** Takes tasks out of Slurm; waits until they are gone, if that is wanted. */
  async #cancel(tasks: readonly Task[], wait: boolean): Promise<void> {
    if (tasks.length === 0) return;
    const deadline = performance.now() + END_LIMIT;
    for (let round = 0; performance.now() < deadline; round++) {
      this.#queue.outdate();
      const rest = activeOf(tasks, await this.#queue.tasks());
      if (rest.size === 0) return;
      if (round % END_LOOK.repeat === 0) {
        await this.#client.cancel(rest);
        this.#queue.outdate();
        if (!wait) return;
      }
      await delay(END_LOOK.pause);
    }
    throw new FabricaError(
      'FABRICA_COMPUTE_SUBMISSION',
      `Slurm of site ${this.site} has not ended jobs within ${END_LIMIT / 1000} s.`,
      { site: this.site },
      { remedy: 'Look for jobs that are COMPLETING for long: their nodes do not answer.' },
    );
  }
}

const idOf = ({ array, index }: Task): string => (array.id === null ? '' : `${array.id}_${index}`);

/** Whether any of its jobs may still be to run. */
const mayRun = ({ tasks }: TaskArray): boolean =>
  [...tasks.values()].some(({ withdrawnAt }) => withdrawnAt === null);

const refusalOf = (name: string, refused: string): CeSubmission => ({ name, ceId: '', refused });

function byArray(tasks: Iterable<Task>): Map<TaskArray, Task[]> {
  const arrays = new Map<TaskArray, Task[]>();
  for (const task of tasks) {
    const others = arrays.get(task.array);
    if (others === undefined) arrays.set(task.array, [task]);
    else others.push(task);
  }
  return arrays;
}

/** The indexes of those tasks that Slurm has, by its ids. */
function activeOf(tasks: readonly Task[], active: ActiveTasks): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { array, index } of tasks) {
    for (const { id } of active.get(array.name)?.get(index) ?? []) {
      const others = found.get(id);
      if (others === undefined) found.set(id, [index]);
      else others.push(index);
    }
  }
  return found;
}
