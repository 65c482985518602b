import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeParked } from '../../policy/tolerance.js';

describe('judgeParked', () => {
  it('has nothing to say where nothing is parked', () => {
    expect(judgeParked({ total: 10, waived: 5, parked: 0, tolerance: 0 }).action).toBe('none');
  });

  it('gives up what the tolerance covers', () => {
    expect(judgeParked({ total: 200, waived: 0, parked: 2, tolerance: 0.01 }).action).toBe('waive');
  });

  it('holds for one job too many, and counts what was given up before', () => {
    expect(judgeParked({ total: 200, waived: 1, parked: 2, tolerance: 0.01 })).toEqual({
      action: 'hold',
      why: '2 jobs are parked after the last attempt; the tolerance allows 2 of 200 to be given up, 1 are already',
    });
  });

  it('holds for a single job without a tolerance', () => {
    expect(judgeParked({ total: 1_000_000, waived: 0, parked: 1, tolerance: 0 }).action).toBe(
      'hold',
    );
  });

  it('never gives up more than the tolerance allows', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.nat(100),
        fc.nat(100),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (total, waived, parked, tolerance) => {
          const { action } = judgeParked({ total, waived, parked, tolerance });
          if (action === 'waive') expect(waived + parked).toBeLessThanOrEqual(total * tolerance);
          if (action === 'hold')
            expect(waived + parked).toBeGreaterThan(Math.floor(total * tolerance));
          expect(action === 'none').toBe(parked === 0);
        },
      ),
    );
  });
});
