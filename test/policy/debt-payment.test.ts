import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextTry } from '../../policy/debt-payment.js';

describe('the next try of a storage with debts', () => {
  it.each([
    [1, 3600],
    [2, 7200],
    [3, 14_400],
    [5, 57_600],
    [6, 86_400],
    [500, 86_400],
  ])(
    'after %i failures in a row comes after %i s, with one hour between runs',
    (tries, seconds) => {
      expect(nextTry(1000, tries, 3600)).toBe(1000 + 1000 * seconds);
    },
  );

  it('never comes sooner than the run after, nor later than a day after it', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(1000),
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        (now, tries, every) => {
          const wait = nextTry(now, tries, every) - now;
          expect(wait).toBeGreaterThanOrEqual(Math.round(1000 * every) - 1);
          expect(wait).toBeLessThanOrEqual(1000 * Math.max(every, 86_400) + 1);
          expect(nextTry(now, tries + 1, every)).toBeGreaterThanOrEqual(nextTry(now, tries, every));
        },
      ),
    );
  });
});
