import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../domain/clock.js';
import { FabricaError } from '../../domain/errors.js';
import { isOfEarlierEpoch } from '../../domain/names.js';
import type {
  CeJob,
  CeLog,
  CeSlots,
  CeStatus,
  CeSubmission,
  CeTask,
  ComputeElement,
} from '../compute/compute-element.js';
import { isJobName } from '../compute/spool.js';
import type { StorageElements } from '../storage/storage-element.js';
import { concludeJobs } from './conclusion.js';
import { logOf } from './ending.js';
import { fateOf, type Fate, type FateProfile } from './fate.js';
import { JobMemory, type RememberedJob } from './job-memory.js';
import { isOut, type Outage } from './outage.js';
import { toldAtEnd } from './told-at-end.js';

export interface SimulatedComputeOptions {
  readonly site: string;
  readonly slots: number;
  /** Its memory is a database in this folder; created if it is not there. */
  readonly folder: string;
  readonly profile: FateProfile;
  readonly bytesPerEvent: number;
  /** It does not answer then; its jobs go on. */
  readonly outages: readonly Outage[];
  /** From then on (simulated seconds) it loses every job; null: never. */
  readonly diesAt: number | null;
  /** Simulated seconds per second; they count from the first use of the element. */
  readonly speed: number;
  readonly storages: StorageElements;
  readonly clock: Clock;
}

/**
 * A computing element whose jobs are only remembered: when they start and end is known as soon as they are submitted, and what they do happens
 * when somebody looks at them after their end.
 */
export class SimulatedComputeElement implements ComputeElement {
  readonly kind = 'simulated';
  readonly site: string;
  readonly #options: SimulatedComputeOptions;
  readonly #memory: JobMemory;
  readonly #closed = new AbortController();

  constructor(options: SimulatedComputeOptions) {
    this.site = options.site;
    this.#options = options;
    this.#memory = new JobMemory(options.folder, options.site, options.clock.now());
  }

  submit(jobs: readonly Pick<CeJob, 'name' | 'task'>[]): Promise<CeSubmission[]> {
    return this.#answered(() => {
      const now = this.#options.clock.now();
      return this.#memory.together((known) => {
        const free = this.#freeSlots(now);
        const epoch = this.#memory.retiredBefore();
        return jobs.map((job) =>
          epoch !== null && isOfEarlierEpoch(job.name, epoch)
            ? { name: job.name, ceId: '', refused: 'the job is of an earlier epoch' }
            : this.#take(job, known.get(job.name), now, free),
        );
      });
    });
  }

  poll(names: readonly string[]): Promise<CeStatus[]> {
    return this.#answered(async () => {
      const now = this.#options.clock.now();
      const known = this.#memory.jobs();
      await this.#conclude(names.map((name) => known.get(name)).filter((job) => isOver(job, now)));
      const concluded = this.#memory.jobs();
      return names.map((name) => this.#statusOf(name, concluded.get(name), now));
    });
  }

  async changed(milliseconds: number, signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.now();
    const next = this.#memory.nextEnd(now - JUST_NOW);
    const either = AbortSignal.any([signal, this.#closed.signal]);
    const wait = Math.max(0, Math.min(milliseconds, next - now));
    await delay(wait, undefined, { signal: either }).catch(() => undefined);
  }

  end(names: readonly string[]): Promise<void> {
    return this.#answered(() => {
      const now = this.#options.clock.now();
      this.#memory.together((known) => {
        for (const name of names) this.#kill(name, known.get(name), now);
      });
    });
  }

  withdraw(names: readonly string[]): Promise<string[]> {
    return this.#answered(() => {
      const now = this.#options.clock.now();
      return this.#memory.together((known) =>
        names.filter((name) => this.#withdraw(name, known.get(name), now)),
      );
    });
  }

  forget(names: readonly string[]): Promise<void> {
    return this.#answered(() => {
      if (names.length === 0) return;
      this.#memory.together((known) => {
        for (const name of names) {
          if ((known.get(name)?.ending ?? null) !== null) this.#memory.forget(name);
        }
      });
    });
  }

  retire(epoch: string): Promise<number> {
    return this.#answered(() => this.#memory.together(() => this.#memory.retire(epoch)));
  }

  readLog(name: string, part: { head: number; tail: number }): Promise<CeLog | null> {
    return this.#answered(() => {
      const job = this.#memory.jobs().get(name);
      if (job === undefined) return null;
      const log = Buffer.from(job.ending === null ? '' : logOf(job.ending, job.task));
      const head = log.subarray(0, part.head);
      const tail = log.subarray(Math.max(head.length, log.length - part.tail));
      return { size: log.length, head, tail };
    });
  }

  slots(): Promise<CeSlots> {
    return this.#answered(() => ({
      total: this.#options.slots,
      ...this.#memory.counts(this.#options.clock.now()),
    }));
  }

  check(): Promise<void> {
    return this.#answered(() => undefined);
  }

  close(): Promise<void> {
    this.#closed.abort();
    this.#memory.close();
    return Promise.resolve();
  }

  /** When each slot is free next (ms), the first one first. */
  #freeSlots(now: number): number[] {
    const { slots } = this.#options;
    const ends = Float64Array.from(this.#memory.endsAfter(now)).sort();
    const taken = ends.subarray(Math.max(0, ends.length - slots));
    return [...Array.from({ length: slots - taken.length }, () => now), ...taken];
  }

  #take(
    { name, task }: Pick<CeJob, 'name' | 'task'>,
    known: RememberedJob | undefined,
    now: number,
    free: number[],
  ): CeSubmission {
    if (known !== undefined) {
      return isWithdrawn(known)
        ? { name, ceId: '', refused: 'the job was ended before it could start', withdrawn: true }
        : { name, ceId: idOf(name), refused: '' };
    }
    if (!isJobName(name)) {
      return { name, ceId: '', refused: `${JSON.stringify(name)} cannot be the name of a job` };
    }
    const fate = this.#fateOf(task);
    if (fate.failure === 'submission') {
      this.#memory.noteInjected(name, 'submission');
      return { name, ceId: '', refused: 'the computing element has refused the job' };
    }
    const perMs = this.#options.speed / 1000;
    const startedAt = Math.ceil(Math.max(now + fate.queueSeconds / perMs, free.shift() ?? now));
    const share = fate.failure === null ? 1 : fate.until;
    const seconds = Math.min(fate.wallSeconds * share, task.bundle.recipe.wallSeconds);
    const endedAt = Math.ceil(startedAt + seconds / perMs);
    insertSorted(free, endedAt);
    this.#memory.add({ name, startedAt, endedAt, task, ending: null, fate });
    return { name, ceId: idOf(name), refused: '' };
  }

  #lives(at: number): boolean {
    const { diesAt } = this.#options;
    return diesAt === null || this.#simulated(at) < diesAt;
  }

  #simulated(at: number): number {
    return ((at - this.#memory.begin) / 1000) * this.#options.speed;
  }

  #fateOf(task: CeTask): Fate {
    const { attempt, events, job } = task.job;
    const key = { production: task.bundle.production, job, attempt, site: this.site };
    return fateOf(this.#options.profile, key, joinsFiles(task) ? events * JOINING : events);
  }

  /** Does what the wrappers of these jobs would have done by now, and remembers how they have ended. */
  async #conclude(over: readonly RememberedJob[]): Promise<void> {
    const jobs = over.flatMap(({ endedAt, fate, name, task }) => {
      if (task === null) return [];
      const drawn = fate ?? this.#fateOf(task);
      const told: Fate = this.#lives(endedAt) ? drawn : { ...drawn, failure: 'lost' };
      return [{ name, task, endedAt, fate: told }];
    });
    if (jobs.length === 0) return;
    const endings = await concludeJobs(jobs, this.#options);
    this.#memory.together(() => {
      for (const [i, { endedAt, fate, name }] of jobs.entries()) {
        const ending = endings[i];
        if (ending === undefined || !this.#memory.conclude(name, ending, endedAt)) continue;
        const failure = ending.how === 'failed' ? ending.failure : fate.failure;
        if (failure !== null) this.#memory.noteInjected(name, failure);
      }
    });
  }

  /** What is told of a job at a time. */
  #statusOf(name: string, job: RememberedJob | undefined, now: number): CeStatus {
    if (job === undefined) return bare(name, 'unknown');
    const { endedAt, ending, startedAt, task } = job;
    if (ending === null && now < startedAt) return bare(name, 'queued');
    if (ending === null) return { ...bare(name, 'running'), startedAt };
    if (task === null || isWithdrawn(job)) return { ...bare(name, 'withdrawn'), endedAt };
    const fate = job.fate ?? this.#fateOf(task);
    const ended = { name, task, startedAt, endedAt, ending, fate };
    return {
      ...{ name, state: 'ended', ceId: idOf(name), startedAt, endedAt },
      ...toldAtEnd(ended, this.#options),
    };
  }

  /** True if the job has not started, and never will. */
  #withdraw(name: string, job: RememberedJob | undefined, now: number): boolean {
    if (job !== undefined) {
      if (isWithdrawn(job)) return true;
      if (job.ending !== null || job.startedAt <= now) return false;
      this.#memory.forget(name);
    }
    const ending = { how: 'withdrawn' } as const;
    this.#memory.add({ name, startedAt: now, endedAt: now, task: null, ending, fate: null });
    return true;
  }

  #kill(name: string, job: RememberedJob | undefined, now: number): void {
    if (this.#withdraw(name, job, now) || job?.ending !== null) return;
    this.#memory.conclude(name, { how: 'killed', at: now }, Math.min(now, job.endedAt));
  }

  async #answered<T>(act: () => T | Promise<T>): Promise<T> {
    const { outages, clock } = this.#options;
    const out = this.#memory.isOut() || isOut(outages, this.#simulated(clock.now()));
    if (!out) return act();
    throw new FabricaError(
      'FABRICA_COMPUTE_SUBMISSION',
      `The computing element of site ${this.site} does not answer.`,
      { site: this.site },
    );
  }
}

/** A job's end is news for this long, ms: it may come between a look and the wait for the next. */
const JUST_NOW = 200;
/** To join events takes so much of the time that it takes to make them. */
const JOINING = 0.001;

/** True for merges: they have inputs, and draw nothing. */
const joinsFiles = ({ files, job }: CeTask): boolean => files.length > 0 && job.seed === 0;

const isOver = (job: RememberedJob | undefined, now: number): job is RememberedJob =>
  job?.ending === null && now >= job.endedAt;

/** It was ended before it could start. */
const isWithdrawn = ({ ending }: RememberedJob): boolean => ending?.how === 'withdrawn';

const idOf = (name: string): string => `sim-${name}`;

function bare(name: string, state: CeStatus['state']): CeStatus {
  const ceId = state === 'unknown' ? '' : idOf(name);
  return { name, state, ceId, startedAt: null, endedAt: null, report: null, payloadReport: null };
}

function insertSorted(times: number[], time: number): void {
  let low = 0;
  for (let high = times.length; low < high;) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  times.splice(low, 0, time);
}
