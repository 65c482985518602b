import type { TransitionTable } from '../transition.js';

/**
 * The life of a job: `Waiting` to be placed, `Submitted` to a site, `Running` there, `Done` when its outputs are catalogued.
 * A failed attempt leads back to `Waiting`, or to `Parked` when the attempts are used up; a person (or the tolerance) then
 * releases it to `Waiting` or gives it up as `Waived`, which may befall a job that runs as well. `Split` jobs have retired in favour of smaller ones.
 * `Done` leads back to `Waiting` when its outputs are lost and the job is reprocessed.
 */
export const JOB_STATES = [
  'Waiting',
  'Submitted',
  'Running',
  'Done',
  'Parked',
  'Split',
  'Waived',
  'Cancelled',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export const JOB_TRANSITIONS: TransitionTable<JobState> = {
  Waiting: ['Submitted', 'Parked', 'Split', 'Waived', 'Cancelled'],
  Submitted: ['Running', 'Done', 'Waiting', 'Parked', 'Split', 'Waived', 'Cancelled'],
  Running: ['Done', 'Waiting', 'Parked', 'Split', 'Waived', 'Cancelled'],
  Done: ['Waiting', 'Cancelled'],
  Parked: ['Waiting', 'Split', 'Waived', 'Cancelled'],
  Split: [],
  Waived: ['Waiting', 'Cancelled'],
  Cancelled: ['Waiting'],
};

/** `probe` jobs belong to sites, the others to productions. Scouts and fabrication make events, merges join their outputs. */
export const JOB_KINDS = ['scout', 'fabrication', 'merge', 'probe'] as const;
export type JobKind = (typeof JOB_KINDS)[number];
