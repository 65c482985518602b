import type { FailureStep } from '../domain/bundle.js';
import type { AttemptState } from '../domain/states/attempt.js';

/** An attempt that has ended. */
export interface LoggedAttempt {
  /** Number of the production. */
  readonly production: number;
  readonly job: number;
  readonly state: AttemptState;
  readonly step: FailureStep | null;
}

/**
 * Whether the log of an attempt is worth keeping: of each that failed or was lost, and of this share (0..1) of the jobs that are done, always
 * the same ones. What never came to a site has no log.
 */
export function keepsLog(attempt: LoggedAttempt, sampleOfGood: number): boolean {
  switch (attempt.state) {
    case 'Failed':
    case 'Lost':
      return attempt.step !== 'submission';
    case 'Done':
      return drawOf(`${attempt.production}/${attempt.job}`) < sampleOfGood;
    default:
      return false;
  }
}

/** A number from 0 to just below 1 for a text: FNV-1a, mixed once more so that neighbours differ in all bits. */
function drawOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
