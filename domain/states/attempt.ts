import type { TransitionTable } from '../transition.js';

/**
 * One try of a job at one site. Open while `Submitted` or `Running`. `Done` was accepted, `Failed` has a failure class,
 * `Lost` was given up because nothing was heard of it, `Cancelled` was ended by a person. An ended attempt never changes again:
 * what still arrives from it is ignored.
 */
export const ATTEMPT_STATES = [
  'Submitted',
  'Running',
  'Done',
  'Failed',
  'Lost',
  'Cancelled',
] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

export const ATTEMPT_TRANSITIONS: TransitionTable<AttemptState> = {
  Submitted: ['Running', 'Done', 'Failed', 'Lost', 'Cancelled'],
  Running: ['Done', 'Failed', 'Lost', 'Cancelled'],
  Done: [],
  Failed: [],
  Lost: [],
  Cancelled: [],
};

export const OPEN_ATTEMPT_STATES = ['Submitted', 'Running'] as const;
