import type { TransitionTable } from '../transition.js';

/**
 * The life of a production.
 *
 * `New` is registered and nothing more. `Scouting` runs block 0; a bad verdict makes it `Rejected` (a new revision
 * leads back to `Scouting`), a good one `Active`, by way of `AwaitingApproval` where the definition asks for a person's word.
 * `Stopped` is a person's pause and `Held` an automatic one; both keep the running jobs and start none, and lead back to
 * where they came from. When all blocks are finished it is `Completing` (the audit), then `Completed`.
 * `Cancelling` ends jobs and removes remnants; `Cancelled` is said only when both are confirmed. `Cleaning`, `Cleaned` and
 * `Archived` remove the outputs and finally forget the rows. `Completed` and the audit lead back to `Active` for an extension or a reprocessing.
 */
export const PRODUCTION_STATES = [
  'New',
  'Scouting',
  'AwaitingApproval',
  'Rejected',
  'Active',
  'Stopped',
  'Held',
  'Completing',
  'Completed',
  'Cancelling',
  'Cancelled',
  'Cleaning',
  'Cleaned',
  'Archived',
] as const;
export type ProductionState = (typeof PRODUCTION_STATES)[number];

/**
 * Why it is `Held`, where it can go on without a `release`: with `sites` none takes its jobs, and it does when one does; with `failures` too many
 * attempts have failed, and it does when its definition is amended so that they are not too many.
 */
export type HeldFor = 'sites' | 'failures';

/** Where a production goes on that was `Held`. */
export function afterHold(resumeState: ProductionState | null): 'Scouting' | 'Active' {
  return resumeState === 'Scouting' ? 'Scouting' : 'Active';
}

export const PRODUCTION_TRANSITIONS: TransitionTable<ProductionState> = {
  New: ['Scouting', 'Active', 'Stopped', 'Cancelling'],
  Scouting: ['AwaitingApproval', 'Active', 'Rejected', 'Stopped', 'Held', 'Cancelling'],
  AwaitingApproval: ['Active', 'Rejected', 'Cancelling'],
  Rejected: ['Scouting', 'Cleaning', 'Cancelling'],
  Active: ['Stopped', 'Held', 'Completing', 'Cancelling'],
  Stopped: ['New', 'Scouting', 'Active', 'Cancelling'],
  Held: ['Scouting', 'Active', 'Stopped', 'Completing', 'Cancelling'],
  Completing: ['Completed', 'Active', 'Held', 'Cancelling'],
  Completed: ['Active', 'Cleaning'],
  Cancelling: ['Cancelled'],
  Cancelled: ['Cleaning'],
  Cleaning: ['Cleaned'],
  Cleaned: ['Archived'],
  Archived: [],
};

/** States in which a production workflow has something to do; what `recover` restarts if Temporal does not have it. */
export const LIVE_PRODUCTION_STATES: readonly ProductionState[] = [
  'New',
  'Scouting',
  'AwaitingApproval',
  'Active',
  'Stopped',
  'Held',
  'Completing',
  'Cancelling',
  'Cleaning',
];
