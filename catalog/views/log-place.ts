import type { FailureStep } from '../../domain/bundle.js';
import type { FileState } from '../../domain/states/file.js';

/**
 * Where the log of an attempt is: at its `site` until that is asked to forget it, in an `archive`, only its end in the `catalog`, or nowhere.
 */
export type LogAt = 'site' | 'archive' | 'catalog' | null;

/** What tells where the log of an attempt is. */
export interface LogFacts {
  readonly step: FailureStep | null;
  readonly logTail: string;
  /** 1: it is in the archive of its bundle. */
  readonly kept: 0 | 1;
  /** When the site had forgotten its bundle. */
  readonly clearedAt: number | null;
  /** The state of that archive; null if there is none. */
  readonly fileState: FileState | null;
}

export function logAt({ clearedAt, fileState, kept, logTail, step }: LogFacts): LogAt {
  if (clearedAt === null && step !== 'submission') return 'site';
  if (kept === 1 && fileState === 'Valid') return 'archive';
  return logTail === '' ? null : 'catalog';
}
