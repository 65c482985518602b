import { describe, expect, it } from 'vitest';
import { ATTEMPT_STATES } from '../../domain/states/attempt.js';
import { keepsLog } from '../../policy/log-keeping.js';

const attempt = { production: 1, job: 7, state: 'Failed', step: 'payload' } as const;

describe('a log is kept', () => {
  it.each(['Failed', 'Lost'] as const)('of each attempt that is %s', (state) => {
    expect(keepsLog({ ...attempt, state }, 0)).toBe(true);
  });

  it('of none that never came to a site, was ended by a person, or is still open', () => {
    expect(keepsLog({ ...attempt, step: 'submission' }, 1)).toBe(false);
    for (const state of ATTEMPT_STATES.filter((one) => !['Failed', 'Lost', 'Done'].includes(one))) {
      expect(keepsLog({ ...attempt, state }, 1)).toBe(false);
    }
  });

  it.each([0.01, 0.3])('of a share of %d of the good ones, always the same', (share) => {
    const sample = (production: number): number[] =>
      Array.from({ length: 20_000 }, (_, job) => job).filter((job) =>
        keepsLog({ production, job, state: 'Done', step: 'none' }, share),
      );
    const first = sample(1);
    expect(first.length / 20_000).toBeGreaterThan(0.7 * share);
    expect(first.length / 20_000).toBeLessThan(1.3 * share);
    expect(sample(1)).toEqual(first);
    expect(sample(2)).not.toEqual(first);
    // Blocks of neighbours have their part of them as well.
    const early = first.filter((job) => job < 10_000).length;
    expect(early / first.length).toBeGreaterThan(0.3);
    expect(early / first.length).toBeLessThan(0.7);
  });

  it('of all good ones at 1, of none at 0', () => {
    const good = { ...attempt, state: 'Done', step: 'none' } as const;
    for (let job = 0; job < 1000; job++) {
      expect(keepsLog({ ...good, job }, 1)).toBe(true);
      expect(keepsLog({ ...good, job }, 0)).toBe(false);
    }
  });
});
