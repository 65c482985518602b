import type { TransitionTable } from '../transition.js';

/**
 * The life of a block. Each stage begins when the one before is confirmed; a repeated start goes on where the catalog stands.
 * `Held` waits for a person (too many parked jobs, or no storage for the outputs) and goes back to the stage it came from.
 * Every stage leads back to `Fabricating` when some of its jobs are reprocessed, the end as well.
 */
export const BLOCK_STATES = [
  'Planned',
  'Fabricating',
  'Validating',
  'Merging',
  'Distributing',
  'Clearing',
  'Finished',
  'Held',
  'Discarded',
] as const;
export type BlockState = (typeof BLOCK_STATES)[number];

export const BLOCK_TRANSITIONS: TransitionTable<BlockState> = {
  Planned: ['Fabricating', 'Discarded'],
  Fabricating: ['Validating', 'Held', 'Discarded'],
  Validating: ['Merging', 'Distributing', 'Fabricating', 'Held', 'Discarded'],
  Merging: ['Distributing', 'Fabricating', 'Held', 'Discarded'],
  Distributing: ['Clearing', 'Merging', 'Fabricating', 'Held', 'Discarded'],
  Clearing: ['Finished', 'Fabricating', 'Discarded'],
  Finished: ['Fabricating', 'Discarded'],
  Held: ['Fabricating', 'Validating', 'Merging', 'Distributing', 'Discarded'],
  Discarded: [],
};
