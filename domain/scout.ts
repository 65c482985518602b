import type { FailureClass } from './failure-class.js';
import type { JobState } from './states/job.js';

/** A scout as it stands when the verdict is due. */
export interface ScoutOutcome {
  readonly job: number;
  readonly state: JobState;
  /** The last failure, for a scout that is not done. */
  readonly class: FailureClass | null;
  readonly site: string | null;
  readonly reason: string;
}

/** What a scout measured. */
export interface ScoutSample {
  readonly events: number;
  /** Seconds; null if not measured. */
  readonly wallSeconds: number | null;
  readonly cpuSeconds: number | null;
  readonly memoryMB: number | null;
  /** Bytes of all outputs; null for a scout that failed. */
  readonly bytes: number | null;
  /** HS23 of a core at its site. */
  readonly hs23PerCore: number;
  /** The limit that ended it, if one did. */
  readonly killedBy: 'wall-time' | 'memory' | null;
}
