import { hash } from 'node:crypto';
import type { StageIn, StoredAt } from '../../domain/bundle.js';
import { messageOf } from '../../domain/errors.js';
import type { FailureClass } from '../../domain/failure-class.js';
import { claimPath, lfnOf, physicalPath } from '../../domain/lfn.js';
import type { CeTask } from '../compute/compute-element.js';
import type { StorageElements } from '../storage/storage-element.js';
import type { Ending } from './ending.js';
import type { Fate } from './fate.js';
import { firstAnswers } from './first-answers.js';
import { SimulatedStorage, type Claim, type MadeFile } from './storage.js';
import { SYMPTOMS, type Symptom } from './symptoms.js';

/** A job whose time is over. */
export interface JobAtEnd {
  readonly name: string;
  readonly task: CeTask;
  readonly fate: Fate;
}

export interface ConclusionContext {
  readonly storages: StorageElements;
  /** Bytes of an output per event. */
  readonly bytesPerEvent: number;
}

/**
 * Does what the wrappers of jobs would have done by their ends: claims the attempts, looks at their inputs, stages their outputs out. Answers in the
 * order of the jobs. Repeating it does no harm.
 */
export async function concludeJobs(
  jobs: readonly JobAtEnd[],
  context: ConclusionContext,
): Promise<Ending[]> {
  const conclusion = new JobsConclusion(context);
  await conclusion.claim(jobs.filter(({ fate }) => fate.failure !== 'lost'));
  await conclusion.stageIn(jobs.filter((job) => conclusion.runs(job)));
  const good = jobs.filter((job) => conclusion.runs(job) && !conclusion.failsByFate(job));
  await conclusion.stageOut(good);
  return jobs.map((job) => conclusion.endingOf(job));
}

class JobsConclusion {
  readonly #context: ConclusionContext;
  readonly #failed = new Map<JobAtEnd, Ending>();
  /** The storages that have taken a job's outputs. */
  readonly #staged = new Map<JobAtEnd, string[]>();
  readonly #destinations = new Map<CeTask['bundle'], readonly string[]>();

  constructor(context: ConclusionContext) {
    this.#context = context;
  }

  runs(job: JobAtEnd): boolean {
    return job.fate.failure !== 'lost' && !this.#failed.has(job);
  }

  endingOf(job: JobAtEnd): Ending {
    if (job.fate.failure === 'lost') return { how: 'lost' };
    return this.#failed.get(job) ?? { how: 'done', storages: this.#staged.get(job) ?? [] };
  }

  async claim(jobs: readonly JobAtEnd[]): Promise<void> {
    const fenced = jobs.filter((job) => this.#isFenced(job));
    const claimed = await firstAnswers(
      fenced,
      (job, turn) =>
        this.#at(this.#destinationsOf(job)[turn], () => ({
          path: claimPath(job.task.bundle.recipe.claims, job.task.job),
          holder: job.name,
        })),
      (storage, claims: readonly (Claim & StoredAt)[]) => this.#get(storage).claimAll(claims),
    );
    for (const [i, job] of fenced.entries()) {
      if (claimed[i] === true) continue;
      const reason = 'no storage takes the claim of this attempt';
      this.#fail(job, 'stage-out', { ...SYMPTOMS['stage-out'], reason });
    }
  }

  /** Looks at the inputs; one that several jobs share is looked at once. */
  async stageIn(jobs: readonly JobAtEnd[]): Promise<void> {
    const inputs = [...new Set(jobs.flatMap(inputsOf))];
    const { storages } = this.#context;
    const faults = await firstAnswers(
      inputs,
      (input, turn) => {
        const there = input.replicas.filter(({ storage }) => storages.has(storage));
        const replica = there[turn];
        return replica === undefined ? undefined : { ...replica, input };
      },
      async (storage, replicas: readonly (StoredAt & { input: StageIn })[]) => {
        const paths = replicas.map(({ path }) => path);
        const found = await storages.get(storage).statAll(paths, { checksum: true });
        return replicas.map(({ path, input }, i) => faultOf(path, input, found[i] ?? null));
      },
    );
    const complaints = new Map<StageIn, string>();
    for (const [i, input] of inputs.entries()) {
      const fault = faults[i] ?? new Error('it has no replica');
      if (fault !== GOOD) complaints.set(input, complaintOf(input, fault));
    }
    if (complaints.size === 0) return;
    for (const job of jobs) {
      const bad = inputsOf(job).find((input) => complaints.has(input));
      if (bad === undefined) continue;
      const reason = complaints.get(bad) ?? '';
      const failure = reason.startsWith('input-corrupt') ? 'input-corrupt' : 'input-missing';
      this.#fail(job, failure, { step: 'stage-in', exitCode: null, reason, log: '' });
    }
  }

  /** True if the job fails by itself; notes how. */
  failsByFate(job: JobAtEnd): boolean {
    const { fate } = job;
    const { memoryMB, wallSeconds } = job.task.bundle.recipe;
    if (fate.failure !== null && fate.failure in SYMPTOMS) {
      this.#fail(job, fate.failure, SYMPTOMS[fate.failure as keyof typeof SYMPTOMS]);
    } else if (fate.wallSeconds > wallSeconds) {
      this.#fail(job, 'wall-time', SYMPTOMS['wall-time']);
    } else if (fate.memoryMB > memoryMB) {
      this.#fail(job, 'memory', SYMPTOMS.memory);
    }
    return this.#failed.has(job);
  }

  /** Puts the outputs each at the first storage that takes it; of a job one of whose outputs finds no place, nothing is left. */
  async stageOut(jobs: readonly JobAtEnd[]): Promise<void> {
    const most = Math.max(0, ...jobs.map(({ task }) => task.bundle.recipe.outputs.length));
    for (let index = 0; index < most; index++) {
      const staging = jobs.filter(
        (job) => job.task.bundle.recipe.outputs.length > index && this.runs(job),
      );
      const taken = await firstAnswers(
        staging,
        (job, turn) =>
          this.#at(this.#destinationsOf(job)[turn], () => this.#output(job.task, index)),
        (storage, files: readonly (MadeFile & StoredAt)[]) => this.#make(storage, files),
      );
      for (const [i, job] of staging.entries()) {
        const storage = taken[i] ?? new Error('it has no destination');
        if (typeof storage === 'string') this.#noteStaged(job, storage);
        else await this.#giveUp(job, index, storage);
      }
    }
  }

  async #make(
    storage: string,
    files: readonly (MadeFile & StoredAt)[],
  ): Promise<(string | Error)[]> {
    const complaint = (error: unknown): Error => new Error(`${storage}: ${messageOf(error)}`);
    try {
      const failures = await this.#get(storage).makeAll(files);
      return failures.map((failure) => (failure === null ? storage : complaint(failure)));
    } catch (error) {
      throw complaint(error);
    }
  }

  #noteStaged(job: JobAtEnd, storage: string): void {
    const staged = this.#staged.get(job);
    if (staged === undefined) this.#staged.set(job, [storage]);
    else staged.push(storage);
  }

  async #giveUp(job: JobAtEnd, index: number, why: Error): Promise<void> {
    const file = job.task.bundle.recipe.outputs[index]?.file ?? '';
    const reason = `${file}: ${messageOf(why)}`;
    this.#fail(job, 'stage-out', { ...SYMPTOMS['stage-out'], reason });
    for (const [i, storage] of (this.#staged.get(job) ?? []).entries()) {
      const { path } = this.#output(job.task, i);
      await this.#get(storage)
        .remove(path)
        .catch(() => undefined);
    }
  }

  #output(task: CeTask, index: number): MadeFile {
    const size = Math.max(1, Math.round(task.job.events * this.#context.bytesPerEvent));
    const level = task.bundle.recipe.outputs[index]?.level ?? '';
    return { path: outputPath(task, index), size, adler32: contentOf(task, level) };
  }

  #fail(job: JobAtEnd, failure: FailureClass, symptom: Symptom): void {
    this.#failed.set(job, { how: 'failed', failure, symptom });
  }

  /** An attempt without a storage to claim it on is not fenced. */
  #isFenced({ task }: JobAtEnd): boolean {
    const { storages } = this.#context;
    return task.bundle.recipe.destinations.some((name) => storages.has(name));
  }

  #destinationsOf({ task: { bundle } }: JobAtEnd): readonly string[] {
    const known = this.#destinations.get(bundle);
    if (known !== undefined) return known;
    const { storages } = this.#context;
    const found = bundle.recipe.destinations.filter(
      (name) => storages.has(name) && storages.get(name) instanceof SimulatedStorage,
    );
    this.#destinations.set(bundle, found);
    return found;
  }

  #at<T>(storage: string | undefined, what: () => T): (T & { storage: string }) | undefined {
    return storage === undefined ? undefined : { ...what(), storage };
  }

  #get(name: string): SimulatedStorage {
    const storage = this.#context.storages.get(name);
    if (storage instanceof SimulatedStorage) return storage;
    throw new Error(`${name} is not simulated`);
  }
}

const inputsOf = ({ task }: JobAtEnd): readonly StageIn[] => [
  ...task.bundle.recipe.payload,
  ...task.files,
  ...task.overlay,
];

/** What is told of an input that is as it should be. */
const GOOD = 'good';

/** What is wrong with a replica. */
function faultOf(
  path: string,
  input: StageIn,
  found: { readonly size: number; readonly adler32?: string } | null,
): typeof GOOD | Error {
  if (found === null) return new Error(`${path} is not there`);
  if (found.size === input.size && found.adler32 === input.adler32) return GOOD;
  return new CorruptReplica(`${path} has ${found.size} bytes, adler32 ${found.adler32 ?? '-'}`);
}

class CorruptReplica extends Error {}

/** What is wrong with all replicas of an input, as a wrapper would tell it. */
function complaintOf({ name }: StageIn, fault: Error): string {
  const what = fault instanceof CorruptReplica ? 'input-corrupt' : 'input-missing';
  return `${what}: ${name}: ${messageOf(fault)}`;
}

/** Where an output lies on the storage that has taken it. */
export function outputPath({ bundle, job }: CeTask, index: number): string {
  const output = bundle.recipe.outputs[index];
  return output === undefined ? '' : physicalPath(bundle.epoch, lfnOf(output.naming, job));
}

/** A checksum that stands for the content: the same events of the same seed, or the same inputs, give the same. */
function contentOf({ bundle, files, job, overlay }: CeTask, level: string): string {
  const identity = [
    ...[level, job.seed, job.firstEvent, job.events],
    ...[...bundle.recipe.payload, ...files, ...overlay].map(({ adler32 }) => adler32),
  ];
  return hash('sha256', identity.join('/'), 'hex').slice(0, 8);
}
