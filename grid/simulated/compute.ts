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
  ComputeElement,
} from '../compute/compute-element.js';
import { wrapperReportText, type WrapperReport } from '../compute/wrapper-report.js';
import type { StorageElements } from '../storage/storage-element.js';
import { concludeJob, type Conclusion } from './conclusion.js';
import { fateOf, type Fate, type FateProfile } from './fate.js';
import { JobMemory, type RememberedJob } from './job-memory.js';
import { isOut, type Outage } from './outage.js';
import { parseWrapperText, wrapperText, type SimulatedWrapper } from './wrapper-memory.js';

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

  submit(jobs: readonly CeJob[]): Promise<CeSubmission[]> {
    return this.#answered(() => {
      const now = this.#options.clock.now();
      return this.#memory.together(() => {
        const free = this.#freeSlots(now);
        const epoch = this.#memory.retiredBefore();
        const known = this.#memory.findAll(jobs.map(({ name }) => name));
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
      const known = this.#memory.findAll(names);
      const over = [...known.values()].filter((job) => job.report === null && now >= job.endedAt);
      if (over.length > 0) {
        const conclusions = await Promise.all(over.map((job) => this.#conclusionOf(job)));
        this.#memory.together(() => {
          for (const [i, job] of over.entries()) this.#conclude(job, conclusions[i]);
        });
        for (const job of this.#memory.findAll(over.map(({ name }) => name)).values()) {
          known.set(job.name, job);
        }
      }
      return names.map((name) => statusOf(name, known.get(name), now));
    });
  }

  async changed(milliseconds: number, signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.now();
    const next = this.#memory.nextEnd(now - JUST_NOW) ?? Infinity;
    const either = AbortSignal.any([signal, this.#closed.signal]);
    const wait = Math.max(0, Math.min(milliseconds, next - now));
    await delay(wait, undefined, { signal: either }).catch(() => undefined);
  }

  end(names: readonly string[]): Promise<void> {
    return this.#answered(() => {
      const now = this.#options.clock.now();
      this.#memory.together(() => {
        for (const name of names) this.#kill(name, now);
      });
    });
  }

  withdraw(names: readonly string[]): Promise<string[]> {
    return this.#answered(() => {
      const now = this.#options.clock.now();
      return this.#memory.together(() => {
        const known = this.#memory.findAll(names);
        return names.filter((name) => this.#withdraw(name, known.get(name), now));
      });
    });
  }

  forget(names: readonly string[]): Promise<void> {
    return this.#answered(() => {
      this.#memory.together(() => {
        for (const [name, { report }] of this.#memory.findAll(names)) {
          if (report !== null) this.#memory.forget(name);
        }
      });
    });
  }

  retire(epoch: string): Promise<number> {
    return this.#answered(() => this.#memory.together(() => this.#memory.retire(epoch)));
  }

  readLog(name: string, part: { head: number; tail: number }): Promise<CeLog | null> {
    return this.#answered(() => {
      if (this.#memory.find(name) === undefined) return null;
      const log = Buffer.from(this.#memory.log(name) ?? '');
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
    const ends = this.#memory.endsAfter(now).sort((a, b) => b - a);
    const taken = ends.slice(0, slots).reverse();
    return [...Array.from({ length: slots - taken.length }, () => now), ...taken];
  }

  #take(
    { name, wrapper }: CeJob,
    known: RememberedJob | undefined,
    now: number,
    free: number[],
  ): CeSubmission {
    if (known !== undefined) {
      const never = known.startedAt === NEVER;
      return never
        ? { name, ceId: '', refused: 'the job was ended before it could start', withdrawn: true }
        : { name, ceId: idOf(name), refused: '' };
    }
    const fate = this.#fateOf(name, wrapper);
    if (fate.failure === 'submission') {
      this.#memory.noteInjected(name, 'submission');
      return { name, ceId: '', refused: 'the computing element has refused the job' };
    }
    const perMs = this.#options.speed / 1000;
    const startedAt = Math.ceil(Math.max(now + fate.queueSeconds / perMs, free.shift() ?? now));
    const share = fate.failure === null ? 1 : fate.until;
    const seconds = Math.min(fate.wallSeconds * share, wrapper.wallSeconds);
    const endedAt = Math.ceil(startedAt + seconds / perMs);
    insertSorted(free, endedAt);
    this.#memory.add({ name, wrapper: wrapperText(wrapper), startedAt, endedAt });
    return { name, ceId: idOf(name), refused: '' };
  }

  #lives(at: number): boolean {
    const { diesAt } = this.#options;
    return diesAt === null || this.#simulated(at) < diesAt;
  }

  #simulated(at: number): number {
    return ((at - this.#memory.begin) / 1000) * this.#options.speed;
  }

  #fateOf(name: string, wrapper: SimulatedWrapper): Fate {
    const { variables } = wrapper;
    const key = {
      production: variables.FABRICA_PRODUCTION ?? name,
      job: Number(variables.FABRICA_JOB ?? 0),
      attempt: Number(variables.FABRICA_ATTEMPT ?? 1),
      site: this.site,
    };
    const events = Number(variables.FABRICA_EVENTS ?? 0);
    return fateOf(this.#options.profile, key, joinsFiles(wrapper) ? events * JOINING : events);
  }

  /** What a job's wrapper would have done by now; null if it was ended before it began. */
  async #conclusionOf(job: RememberedJob): Promise<Conclusion | null> {
    const text = this.#memory.wrapper(job.name);
    if (text === undefined) return null;
    const { storages, bytesPerEvent } = this.#options;
    const { startedAt, endedAt } = job;
    const wrapper = parseWrapperText(text);
    const fate = this.#fateOf(job.name, wrapper);
    return concludeJob(
      wrapper,
      this.#lives(endedAt) ? fate : { ...fate, failure: 'lost' },
      { startedAt, endedAt },
      { storages, bytesPerEvent, site: this.site },
    );
  }

  #conclude(job: RememberedJob, conclusion: Conclusion | null | undefined): void {
    if (conclusion === null || conclusion === undefined) return;
    this.#memory.conclude(job, {
      endedAt: job.endedAt,
      report: conclusion.report === null ? '' : wrapperReportText(conclusion.report),
      payloadReport:
        conclusion.events === null ? null : JSON.stringify({ events: conclusion.events }),
      log: conclusion.log,
    });
    if (conclusion.failure !== null) this.#memory.noteInjected(job.name, conclusion.failure);
  }

  /** True if the job has not started, and never will. */
  #withdraw(name: string, job: RememberedJob | undefined, now: number): boolean {
    if (job !== undefined && job.startedAt !== NEVER) {
      if (job.report !== null || job.startedAt <= now) return false;
      this.#memory.forget(name);
    }
    if (job?.startedAt === NEVER) return true;
    const never = { name, wrapper: '', startedAt: NEVER, endedAt: now };
    this.#memory.add(never);
    const told = { endedAt: now, report: '', payloadReport: null, log: '' };
    this.#memory.conclude({ ...never, report: null, payloadReport: null }, told);
    return true;
  }

  #kill(name: string, now: number): void {
    const job = this.#memory.find(name);
    if (this.#withdraw(name, job, now)) return;
    if (job?.report === null) {
      this.#memory.conclude(job, {
        endedAt: Math.min(now, job.endedAt),
        report: wrapperReportText(killed(job, now)),
        payloadReport: null,
        log: 'fabrica: ended by a signal in step payload\n',
      });
    }
  }

  async #answered<T>(act: () => T | Promise<T>): Promise<T> {
    const { outages, clock } = this.#options;
    if (!isOut(outages, this.#simulated(clock.now()))) return act();
    throw new FabricaError(
      'FABRICA_COMPUTE_SUBMISSION',
      `The computing element of site ${this.site} does not answer.`,
      { site: this.site },
    );
  }
}

/** A job's end is news for this long, ms: it may come between a look and the wait for the next. */
const JUST_NOW = 200;
/** The start of a job that was ended before it was submitted. */
const NEVER = -1;

/** To join events takes so much of the time that it takes to make them. */
const JOINING = 0.001;

/** True for merges: they have inputs, and draw nothing. */
function joinsFiles({ variables }: SimulatedWrapper): boolean {
  return variables.FABRICA_INPUTS !== undefined && variables.FABRICA_SEED === '0';
}

const idOf = (name: string): string => `sim-${name}`;

/** What is told of a job at a time. */
function statusOf(name: string, job: RememberedJob | undefined, now: number): CeStatus {
  if (job === undefined) return bare(name, 'unknown');
  if (job.startedAt === NEVER) return { ...bare(name, 'withdrawn'), endedAt: job.endedAt };
  if (job.report === null && now < job.startedAt) return bare(name, 'queued');
  if (job.report === null) return { ...bare(name, 'running'), startedAt: job.startedAt };
  return {
    ...bare(name, 'ended'),
    startedAt: job.startedAt,
    endedAt: job.endedAt,
    report: job.report === '' ? null : job.report,
    payloadReport: job.payloadReport,
  };
}

function bare(name: string, state: CeStatus['state']): CeStatus {
  const ceId = state === 'unknown' ? '' : idOf(name);
  return { name, state, ceId, startedAt: null, endedAt: null, report: null, payloadReport: null };
}

function killed(job: RememberedJob, now: number): WrapperReport {
  return {
    outcome: 'killed',
    step: 'killed',
    exitCode: null,
    reason: 'ended by a signal',
    node: '',
    startedAt: job.startedAt,
    endedAt: now,
    wallSeconds: null,
    cpuSeconds: null,
    memoryMB: null,
    outputs: [],
  };
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
