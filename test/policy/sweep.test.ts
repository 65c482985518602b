import { describe, expect, it } from 'vitest';
import { isOldEnough, looksLost, remedyOf, type BadReplica } from '../../policy/sweep.js';

describe('an unknown file', () => {
  it.each([
    [0, 86_400_000, true],
    [1, 86_400_000, false],
    [86_400_000, 0, false],
  ])('written at %i is old enough at %i: %s', (since, now, old) => {
    expect(isOldEnough(since, now, 86_400)).toBe(old);
  });
});

describe('a storage', () => {
  it.each([
    [0, 0, false],
    [2, 2, false],
    [3, 3, true],
    [5, 10, false],
    [6, 10, true],
  ])('with %i of %i files missing looks lost: %s', (missing, expected, lost) => {
    expect(looksLost(missing, expected)).toBe(lost);
  });
});

describe('the remedy for a bad replica', () => {
  const bad = (more: Partial<BadReplica>): BadReplica => ({
    ...{ kind: 'missing', fileKind: 'merged', goodCopies: 0, wantedCopies: 3 },
    ...{ production: 'Completed', block: 'Finished', ...more },
  });

  it.each<[string, Partial<BadReplica>, string]>([
    ['of a completed production with another copy', { goodCopies: 1 }, 'copy'],
    ['of which there are enough elsewhere', { goodCopies: 2, wantedCopies: 2 }, 'forget'],
    ['of a completed production without any', {}, 'reprocess'],
    [
      'of a finished block of an active one with another copy',
      { production: 'Active', goodCopies: 2 },
      'copy',
    ],
    ['of a finished block of an active one without any', { production: 'Active' }, 'reprocess'],
    [
      'of a block that is at work',
      { production: 'Active', block: 'Merging', goodCopies: 1 },
      'wait',
    ],
    ['of a held block', { production: 'Held', block: 'Held' }, 'wait'],
    [
      'of a cancelled production without any',
      { production: 'Cancelled', block: 'Discarded' },
      'forget',
    ],
    [
      'of a cancelled production with another copy',
      { production: 'Cancelled', goodCopies: 1 },
      'copy',
    ],
    ['of a payload', { fileKind: 'sandbox', production: null, block: null }, 'upload'],
  ])('%s', (_, more, remedy) => {
    expect(remedyOf(bad(more)).remedy).toBe(remedy);
  });
});
