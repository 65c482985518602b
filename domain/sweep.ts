/** What a sweep finds: a file that nobody knows, or a catalogued one that is not there or is not what it should be. */
export const FINDING_KINDS = ['dark', 'missing', 'size', 'checksum'] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/**
 * `Suspected` has been seen; at the end of the sweep it is looked at again, and is `Open` or forgotten, or stays suspected while it may be
 * on its way. `Repaired` is kept for a while.
 */
export const FINDING_STATES = ['Suspected', 'Open', 'Repaired'] as const;
export type FindingState = (typeof FINDING_STATES)[number];

/**
 * What a repair does: `remove` the file, `copy` it anew from a good replica, `forget` the replica, or have the jobs run again (`reprocess`).
 * The others it leaves alone: the block looks after it by itself (`wait`), or the payload must be uploaded again (`upload`).
 */
export const REMEDIES = ['remove', 'copy', 'forget', 'reprocess', 'wait', 'upload'] as const;
export type Remedy = (typeof REMEDIES)[number];

/** The remedies that remove what is there. */
export const REMOVING: readonly Remedy[] = ['remove', 'copy', 'forget'];

export type SweepState = 'Running' | 'Done' | 'Failed';

/** What a sweep has come to. */
export interface SweepReport {
  readonly sweep: number;
  readonly storage: string;
  /** Looked at, below the directories of the catalog's epochs. */
  readonly files: number;
  /** Of other people, beside them; `foreignMore`: there are more, not counted. */
  readonly foreign: number;
  readonly foreignMore: boolean;
  readonly open: Readonly<Partial<Record<FindingKind, number>>>;
  /** By this sweep. */
  readonly repaired: number;
  /** Why it could not be finished; empty if it was. */
  readonly failure: string;
}
