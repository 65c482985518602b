import type { FindingKind, Remedy } from '../domain/sweep.js';
import type { BlockState } from '../domain/states/block.js';
import type { FileKind } from '../domain/states/file.js';
import type { ProductionState } from '../domain/states/production.js';

/**
 * True if an unknown file has been there for long enough not to be on its way. `since` is when it was written or, where the storage
 * does not tell, first seen; ms since 1970. `minimumAge` in s.
 */
export function isOldEnough(since: number, now: number, minimumAge: number): boolean {
  return now - since >= 1000 * minimumAge;
}

/** True if a storage lacks so many of its files that it may not be the storage at all. */
export function looksLost(missing: number, expected: number): boolean {
  return missing > 2 && missing > expected / 2;
}

/** What must be known of a bad replica to choose its remedy. */
export interface BadReplica {
  readonly kind: Exclude<FindingKind, 'dark'>;
  readonly fileKind: FileKind;
  /** Good replicas on other storages. */
  readonly goodCopies: number;
  /** So many copies are wanted of the production's final files; null where there is none. */
  readonly wantedCopies: number | null;
  /** Of the production and the block that made the file; null where there is none. */
  readonly production: ProductionState | null;
  readonly block: BlockState | null;
}

const MADE_BY_JOBS: readonly FileKind[] = ['output', 'merged'];

/** What is to be done about a bad replica, with the reason. */
export function remedyOf(bad: BadReplica): { readonly remedy: Remedy; readonly why: string } {
  const { block, fileKind, goodCopies, production, wantedCopies } = bad;
  if (fileKind === 'sandbox') {
    return {
      remedy: 'upload',
      why: 'a payload file: `fabrica submit` of its definition uploads it',
    };
  }
  const settled = block === null || block === 'Finished' || block === 'Discarded';
  if (!settled && production !== 'Cancelled') {
    return { remedy: 'wait', why: 'its block is not finished and verifies its files itself' };
  }
  if (MADE_BY_JOBS.includes(fileKind) && wantedCopies !== null && goodCopies >= wantedCopies) {
    return { remedy: 'forget', why: 'other storages have all the copies that are wanted' };
  }
  if (goodCopies > 0) return { remedy: 'copy', why: 'another storage has a good copy' };
  switch (production) {
    case 'Completed':
    case 'Active':
    case 'Held':
    case 'Stopped':
    case 'Completing':
      if (MADE_BY_JOBS.includes(fileKind)) {
        return { remedy: 'reprocess', why: 'no good copy is left: its jobs must run again' };
      }
      return { remedy: 'forget', why: 'no good copy is left, and nothing can be made from it' };
    default:
      return { remedy: 'forget', why: 'no good copy is left of a production that has ended' };
  }
}
