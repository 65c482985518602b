/** What a sweep finds: a file that nobody knows, or a catalogued one that is not there or is not what it should be. */
export const FINDING_KINDS = ['dark', 'missing', 'size', 'checksum'] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/**
 * `Suspected` has been seen once; at the end of the sweep it is looked at again, and is `Open` or forgotten. `Repaired` is kept for a
 * while.
 */
export const FINDING_STATES = ['Suspected', 'Open', 'Repaired'] as const;
export type FindingState = (typeof FINDING_STATES)[number];

export type SweepState = 'Running' | 'Done' | 'Failed';
