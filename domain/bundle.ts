import type { OutputNaming } from './lfn.js';
import type { Packed } from './packed.js';
import type { JobKind } from './states/job.js';

/**
 * What control and a site tell each other about jobs. A bundle goes in as ranges and comes out as reports; both end up in
 * Temporal histories, so both are compact.
 */

/** `count` jobs whose numbers, seeds, indices and event ranges follow each other. */
export interface JobRange {
  readonly job: number;
  readonly count: number;
  readonly attempt: number;
  readonly seed: number;
  readonly firstEvent: number;
  /** Events of each job. */
  readonly events: number;
  /** The file index of the first job's outputs (see `lfnOf`). */
  readonly index: number;
}

/** One job of a range. */
export type JobOrder = Omit<JobRange, 'count'>;

/** Attempts by number: jobs `job` .. `job + count - 1`, each in its attempt `attempt`. */
export interface AttemptRange {
  readonly job: number;
  readonly count: number;
  readonly attempt: number;
}

export interface AttemptKey {
  readonly job: number;
  readonly attempt: number;
}

/** A file to bring into a job's folder as `name`, from the first replica that gives it whole. Size in bytes. */
export interface StageIn {
  readonly name: string;
  readonly size: number;
  readonly adler32: string;
  readonly replicas: readonly StoredAt[];
}

/** A path below the root of a storage. */
export interface StoredAt {
  readonly storage: string;
  readonly path: string;
}

/** What the jobs of a bundle have in common. */
export interface JobRecipe {
  /** Argument list with placeholders `{seed} {firstEvent} {events} {job} {inputs} {overlay} {output}`, `{output:LEVEL}`. */
  readonly command: readonly string[];
  /** One line of shell that sets the environment up; empty for none. */
  readonly environment: string;
  readonly payload: readonly StageIn[];
  readonly outputs: readonly OutputRecipe[];
  /** Argument list, with the placeholders of `command`, that must exit 0 when the outputs are good; empty for none. */
  readonly validation: readonly string[];
  readonly wallSeconds: number;
  /** MB (10^6 bytes) of resident memory. */
  readonly memoryMB: number;
  /** MB (10^6 bytes) of files in the job's folder. */
  readonly diskMB: number;
  /** Storages to stage out to, in order of preference. */
  readonly destinations: readonly string[];
  /** See `claimDirectory`. */
  readonly claims: string;
}

export interface OutputRecipe {
  readonly level: string;
  /** The name that the payload gives it in its folder. */
  readonly file: string;
  readonly naming: OutputNaming;
}

/** The report of an attempt of which nothing is known yet; it runs. */
export function bareReport({ job, attempt }: AttemptKey): AttemptReport {
  return {
    job,
    attempt,
    state: 'running',
    step: 'none',
    exitCode: null,
    reason: '',
    logTail: '',
    ceId: '',
    node: '',
    startedAt: null,
    endedAt: null,
    wallSeconds: null,
    cpuSeconds: null,
    memoryMB: null,
    events: null,
    outputs: [],
  };
}

/** Input of `submitJobs`. */
export interface BundleOrder {
  readonly epoch: string;
  readonly production: string;
  readonly block: number;
  readonly bundle: number;
  readonly site: string;
  readonly kind: JobKind;
  readonly recipe: JobRecipe;
  readonly ranges: readonly JobRange[];
  /** After so long a silence of the site its jobs are lost, s. */
  readonly lease: number;
  /** The files of jobs that read some: merges, and jobs of productions with input or overlay. */
  readonly inputs: Packed<JobInputs>;
  /** Jobs that have not started after this time (s) are looked at: another site may take them sooner. */
  readonly queuePatience?: number;
  /** Its recipe, ranges and files are left out, for they are too large beside others: to be asked for before it is submitted. */
  readonly incomplete?: boolean;
}

/** The files that one job reads. */
export interface JobInputs {
  readonly job: number;
  readonly files: readonly StageIn[];
  readonly overlay: readonly StageIn[];
}

/** Input of `watchJobs` and `endJobs`. */
export interface BundleHandle {
  readonly epoch: string;
  readonly production: string;
  readonly block: number;
  readonly bundle: number;
  readonly site: string;
  readonly attempts: readonly AttemptRange[];
}

/** Where in its life an attempt failed; `none` if it did not. */
export const FAILURE_STEPS = [
  'none',
  'submission',
  'claim',
  'stage-in',
  'environment',
  'payload',
  'wall-limit',
  'memory-limit',
  'disk-limit',
  'check',
  'stage-out',
  'wrapper',
  'vanished',
  'killed',
] as const;
export type FailureStep = (typeof FAILURE_STEPS)[number];

export interface OutputReport extends StoredAt {
  readonly level: string;
  readonly size: number;
  readonly adler32: string;
  /** Events in it, where the payload says that it has kept only some of those that it has read; left out: all. */
  readonly events?: number;
}

/** What is known of one attempt, as its site tells it. Times in ms since 1970, durations in s, memory in MB (10^6 bytes). */
export interface AttemptReport extends AttemptKey {
  /** `withdrawn`: it has not started, and never will. */
  readonly state: 'running' | 'done' | 'failed' | 'lost' | 'killed' | 'withdrawn';
  readonly step: FailureStep;
  readonly exitCode: number | null;
  /** The raw text: what the failing step said, one or a few lines. */
  readonly reason: string;
  /** The end of the job's log; empty for good attempts and when others of the same kind have told enough. */
  readonly logTail: string;
  readonly ceId: string;
  readonly node: string;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly wallSeconds: number | null;
  readonly cpuSeconds: number | null;
  readonly memoryMB: number | null;
  /** Events that the payload says it made; null if it said nothing. */
  readonly events: number | null;
  readonly outputs: readonly OutputReport[];
}

/** Answer of `watchJobs`: what changed, and how many attempts are still open at the site. */
export interface BundleReport {
  readonly reports: Packed<AttemptReport>;
  /** Attempts that have begun to run, as far as that is news. */
  readonly begun: readonly AttemptRange[];
  readonly open: number;
  /** Attempts that still wait there, after the time at which that was to be told. */
  readonly overdue?: readonly AttemptRange[];
}

/** The end of several attempts of which nobody has told: the same for each. */
export interface UntoldEnd {
  readonly attempts: readonly AttemptRange[];
  readonly state: 'failed' | 'lost';
  readonly step: FailureStep;
  readonly reason: string;
  /** ms since 1970. */
  readonly endedAt: number;
}

/** Answer of `submitJobs`: those that the site refused, and when it had taken the others (ms). */
export interface SubmissionReport {
  readonly reports: Packed<AttemptReport>;
  readonly open: number;
  readonly submittedAt: number;
}

/** The jobs of ranges, one by one. */
export function* jobsOf(ranges: Iterable<JobRange>): Generator<JobOrder> {
  for (const range of ranges) {
    for (let i = 0; i < range.count; i++) {
      yield {
        job: range.job + i,
        attempt: range.attempt,
        seed: range.seed + i,
        firstEvent: range.firstEvent + i * range.events,
        events: range.events,
        index: range.index + i,
      };
    }
  }
}

/** The fewest ranges for these jobs, which come in order of their numbers. */
export function rangesOf(jobs: Iterable<JobOrder>): JobRange[] {
  const ranges: { -readonly [K in keyof JobRange]: JobRange[K] }[] = [];
  for (const job of jobs) {
    const last = ranges.at(-1);
    if (
      last !== undefined &&
      job.job === last.job + last.count &&
      job.attempt === last.attempt &&
      job.seed === last.seed + last.count &&
      job.events === last.events &&
      job.firstEvent === last.firstEvent + last.count * last.events &&
      job.index === last.index + last.count
    ) {
      last.count++;
    } else {
      const { attempt, events, firstEvent, index, seed } = job;
      ranges.push({ job: job.job, count: 1, attempt, seed, firstEvent, events, index });
    }
  }
  return ranges;
}

/** The attempts of ranges, one by one. */
export function* attemptsOf(ranges: Iterable<AttemptRange>): Generator<AttemptKey> {
  for (const range of ranges) {
    for (let i = 0; i < range.count; i++) {
      yield { job: range.job + i, attempt: range.attempt };
    }
  }
}

/** The fewest ranges for these attempts, which come in order of their jobs' numbers. */
export function attemptRanges(attempts: Iterable<AttemptKey>): AttemptRange[] {
  const ranges: { job: number; count: number; attempt: number }[] = [];
  for (const { job, attempt } of attempts) {
    const last = ranges.at(-1);
    if (last !== undefined && job === last.job + last.count && attempt === last.attempt)
      last.count++;
    else ranges.push({ job, count: 1, attempt });
  }
  return ranges;
}
