import type { FailureClass } from './failure-class.js';
import type { BlockState } from './states/block.js';
import type { JobState } from './states/job.js';
import type { ProductionState } from './states/production.js';

/** Jobs by state; states that no job is in may be left out. */
export type JobCounts = Partial<Record<JobState, number>>;

/** The jobs of one block, counted. */
export interface BlockCounts {
  /** Scout and fabrication jobs. */
  readonly jobs: JobCounts;
  readonly merges: JobCounts;
  /** Events of the jobs that are done, and of those that were waived. */
  readonly made: number;
  readonly waived: number;
  /** Events in merged files, of the data level that has most. */
  readonly merged: number;
  /** Final files and their bytes, each counted once whatever its copies; known once the block is distributed. */
  readonly files: number;
  readonly bytes: number;
  /** Failed attempts so far. */
  readonly failures: Partial<Record<FailureClass, number>>;
}

export const NO_COUNTS: BlockCounts = {
  jobs: {},
  merges: {},
  made: 0,
  waived: 0,
  merged: 0,
  files: 0,
  bytes: 0,
  failures: {},
};

/** How far a production is; what the query `progress` answers. Events, times in ms since 1970. */
export interface ProductionProgress {
  readonly production: string;
  readonly state: ProductionState;
  readonly reason: string;
  readonly priority: number;
  readonly events: {
    readonly asked: number;
    /** Those that are to be made: what has been made is told as a part of these. */
    readonly wanted: number;
    readonly made: number;
    readonly merged: number;
    readonly distributed: number;
    readonly waived: number;
  };
  /** Final files of the blocks that are distributed, and their bytes; each file is counted once. */
  readonly files: number;
  readonly bytes: number;
  readonly blocks: Partial<Record<BlockState, number>>;
  readonly jobs: JobCounts;
  readonly merges: JobCounts;
  readonly failures: Partial<Record<FailureClass, number>>;
  /** Those that are told to workflows are taken in writes of the catalog: of two, the later knows all that the earlier does. */
  readonly at: number;
}

/** Jobs that have not ended, and are not parked. */
export const openIn = ({ Running = 0, Submitted = 0, Waiting = 0 }: JobCounts): number =>
  Running + Submitted + Waiting;

/** The events that are to be made in all: those that were given up do not count. */
export function eventsWanted({
  asked,
  waived,
}: {
  readonly asked: number;
  readonly waived: number;
}): number {
  return Math.max(0, asked - waived);
}

/** The later of two: answers of activities and signals overtake each other on their way. Of the same time it is the one that has come last. */
export function laterProgress(
  known: ProductionProgress | null,
  news: ProductionProgress,
): ProductionProgress {
  return known !== null && known.at > news.at ? known : news;
}

/** Sums counters of the same kind. */
export function addCounts<K extends string>(
  a: Readonly<Partial<Record<K, number>>>,
  b: Readonly<Partial<Record<K, number>>>,
): Partial<Record<K, number>> {
  const sum: Partial<Record<K, number>> = { ...a };
  for (const key of Object.keys(b) as K[]) sum[key] = (sum[key] ?? 0) + (b[key] ?? 0);
  return sum;
}
