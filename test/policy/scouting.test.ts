import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScoutOutcome } from '../../domain/scout.js';
import { judgeScouts } from '../../policy/scouting.js';

const good = (job: number): ScoutOutcome => ({
  job,
  state: 'Done',
  class: null,
  site: 'KMI',
  reason: '',
});
const bad = (job: number): ScoutOutcome => ({
  job,
  state: 'Parked',
  class: 'payload-error',
  site: 'KMI',
  reason: 'exit 1',
});
const scouts = (goods: number, bads: number): ScoutOutcome[] => [
  ...Array.from({ length: goods }, (_, i) => good(i + 1)),
  ...Array.from({ length: bads }, (_, i) => bad(goods + i + 1)),
];

describe('judgeScouts', () => {
  it('does not let three good and seven bad scouts pass', () => {
    const verdict = judgeScouts(scouts(3, 7), 0.9, false);
    expect(verdict).toMatchObject({ passed: false, scouts: 10, good: 3, wanted: 0.9 });
    expect(verdict.sentence).toBe(
      '3 of 10 scouts succeeded, 90 % are needed; the others: 7 payload-error',
    );
    expect(verdict.failures.map((one) => one.job)).toEqual([4, 5, 6, 7, 8, 9, 10]);
  });

  it('lets exactly the wanted share pass', () => {
    expect(judgeScouts(scouts(9, 1), 0.9, false).passed).toBe(true);
    expect(judgeScouts(scouts(8, 2), 0.9, false).passed).toBe(false);
    expect(judgeScouts(scouts(7, 3), 0.7, false).passed).toBe(true);
    expect(judgeScouts(scouts(0, 3), 0, false).passed).toBe(true);
  });

  it('counts a scout that has not ended at the deadline as bad, and says so', () => {
    const late: ScoutOutcome = { ...good(2), state: 'Running' };
    const verdict = judgeScouts([good(1), late], 0.9, true);
    expect(verdict.passed).toBe(false);
    expect(verdict.sentence).toBe(
      '1 of 2 scouts succeeded, 90 % are needed; the others: 1 not ended by the deadline (the deadline has passed)',
    );
  });

  it('names at most twenty of the failures', () => {
    expect(judgeScouts(scouts(0, 50), 0.5, false).failures).toHaveLength(20);
  });

  it('passes exactly when the share of good ones among all is reached', () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.nat(50),
        fc.integer({ min: 0, max: 100 }),
        (goods, bads, percent) => {
          fc.pre(goods + bads > 0);
          const { passed } = judgeScouts(scouts(goods, bads), percent / 100, false);
          expect(passed).toBe(100 * goods >= percent * (goods + bads));
        },
      ),
    );
  });
});
