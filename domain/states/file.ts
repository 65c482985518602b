import type { TransitionTable } from '../transition.js';

/**
 * A catalogued file. `Valid` is accepted; `Invalid` was found lost, damaged or superseded; `Removed` has no replica
 * left and stays as lineage. A sandbox is known by its content: uploaded again, the same file is `Valid` again.
 */
export const FILE_STATES = ['Valid', 'Invalid', 'Removed'] as const;
export type FileState = (typeof FILE_STATES)[number];

export const FILE_TRANSITIONS: TransitionTable<FileState> = {
  Valid: ['Invalid', 'Removed'],
  Invalid: ['Removed', 'Valid'],
  Removed: ['Valid'],
};

/**
 * `output` of a scout or fabrication job, `merged` of a merge job, `sandbox` a payload file of a definition, `log` an archive of job
 * logs of one bundle.
 */
export const FILE_KINDS = ['output', 'merged', 'sandbox', 'log'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/**
 * One copy of a file on one storage. `Available` was verified there. `Removing` is condemned; the row goes with the confirmation.
 */
export const REPLICA_STATES = ['Available', 'Removing'] as const;
export type ReplicaState = (typeof REPLICA_STATES)[number];

export const REPLICA_TRANSITIONS: TransitionTable<ReplicaState> = {
  Available: ['Removing'],
  Removing: ['Available'],
};

/** A wanted copy: `Waiting`, then `Done` (verified and registered) or `Failed` (given up; another storage is chosen). */
export const TRANSFER_STATES = ['Waiting', 'Done', 'Failed', 'Cancelled'] as const;
export type TransferState = (typeof TRANSFER_STATES)[number];

export const TRANSFER_TRANSITIONS: TransitionTable<TransferState> = {
  Waiting: ['Done', 'Failed', 'Cancelled'],
  Done: [],
  Failed: [],
  Cancelled: [],
};

/**
 * Something a failed attempt may have left on a storage. `Pending` is to be removed, `Debt` waits for an unreachable storage;
 * the row goes away once its absence is confirmed.
 */
export const REMNANT_STATES = ['Pending', 'Debt'] as const;
export type RemnantState = (typeof REMNANT_STATES)[number];
