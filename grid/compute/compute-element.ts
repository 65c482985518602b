import type { BundleOrder, FailureStep, JobInputs, JobOrder } from '../../domain/bundle.js';
import type { JobAccess } from '../storage/job-access.js';
import type { PayloadReport, WrapperReport } from './wrapper-report.js';
import type { WrapperSpec } from './wrapper.js';

/** What the jobs of a bundle have in common. */
export type CeBundle = Pick<BundleOrder, 'epoch' | 'production' | 'site' | 'recipe'>;

/** What a job is to do, as plain data: the same bundle for all jobs of it, and what is the job's own. */
export interface CeTask extends Pick<JobInputs, 'files' | 'overlay'> {
  readonly bundle: CeBundle;
  readonly job: JobOrder;
}

/** An attempt that somebody really runs. */
export interface WrappedJob {
  /** See `ceJobName`; unique for ever. */
  readonly name: string;
  /** What the job is; `wrapperScript` makes a POSIX sh script of it. The wrapper enforces its limits itself. */
  readonly wrapper: WrapperSpec;
  /** What makes storages answer it, as of now. (Default: it needs nothing) */
  access?(): Promise<readonly JobAccess[]>;
}

/** One attempt as a computing element gets it. Its wrapper is made when it is asked for. */
export interface CeJob extends WrappedJob {
  readonly task: CeTask;
}

export interface CeSubmission {
  readonly name: string;
  /** The computing element's own id; empty if the job was refused. */
  readonly ceId: string;
  /** Why it was refused; empty if it was taken, or was there already. */
  readonly refused: string;
  /** It was refused because it had been withdrawn, or ended, before. */
  readonly withdrawn?: true;
}

/** Why a job has ended, as its computing element says: a batch system knows of limits and nodes what no wrapper lives to tell. */
export interface CeSymptom {
  readonly step: FailureStep;
  /** As a shell tells it: 128 + n for signal n; null where it says nothing. */
  readonly exitCode: number | null;
  readonly reason: string;
}

/**
 * What a computing element knows of a job. `unknown`: it has never seen the name, or has forgotten it. `withdrawn`: it has not started,
 * and never will.
 */
export interface CeStatus {
  readonly name: string;
  readonly state: 'queued' | 'running' | 'ended' | 'withdrawn' | 'unknown';
  readonly ceId: string;
  /** ms since 1970, where known. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** The wrapper's report: its content, or what would be read from it; null if it ended without writing one. */
  readonly report: string | WrapperReport | null;
  /** The same of `fabrica-report.json`, if the payload wrote one (at most 256 KiB of it). */
  readonly payloadReport: string | PayloadReport | null;
  /** Of an ended job without a report, or with one that tells only of a signal; left out where the element says nothing. */
  readonly symptom?: CeSymptom;
}

/**
 * Parts of what a job has written, which may be anything. `size` is that of the whole, bytes; `head` its beginning, `tail` its end. They do not
 * overlap: of a short log, `tail` is what follows `head`.
 */
export interface CeLog {
  readonly size: number;
  readonly head: Buffer;
  readonly tail: Buffer;
}

export interface CeSlots {
  readonly total: number;
  readonly running: number;
  readonly queued: number;
}

/**
 * Something that runs jobs. Jobs are known by name only; all calls are bulk and idempotent, and hold across restarts of the
 * process that makes them: a job that was submitted is found again by its name.
 */
export interface ComputeElement {
  readonly site: string;
  readonly kind: string;

  /** Afterwards each job is queued, running or ended, once, whatever happened before; or refused. */
  submit(jobs: readonly CeJob[]): Promise<CeSubmission[]>;

  /** One status per name, in the same order. */
  poll(names: readonly string[]): Promise<CeStatus[]>;

  /** Resolves when something may have ended since the last call, or after `milliseconds`, or when the signal aborts. */
  changed(milliseconds: number, signal: AbortSignal): Promise<void>;

  /** Afterwards none of the jobs runs or will ever run; a job that was not yet submitted never will be. */
  end(names: readonly string[]): Promise<void>;

  /** Afterwards none of the jobs starts that has not; those that run go on. Returns the names of those that never will. */
  withdraw(names: readonly string[]): Promise<string[]>;

  /** Afterwards nothing is left of these ended jobs. Jobs that still run are left alone. */
  forget(names: readonly string[]): Promise<void>;

  /**
   * Afterwards nothing is left of jobs whose names do not begin with this epoch, and none of them runs; those of earlier epochs will never be
   * taken again. Returns how many there were.
   */
  retire(epoch: string): Promise<number>;

  /** The first and the last so many bytes of the job's log; null if there is none. */
  readLog(name: string, part: { head: number; tail: number }): Promise<CeLog | null>;

  slots(): Promise<CeSlots>;

  /** Throws unless jobs can be submitted now. */
  check(): Promise<void>;

  /** Ends timers and watches of this process; jobs go on. */
  close(): Promise<void>;
}
