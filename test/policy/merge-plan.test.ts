import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planMerges, type MergeInput } from '../../policy/merge-plan.js';

const equal = (count: number, size: number): MergeInput[] =>
  Array.from({ length: count }, (_, i) => ({ file: i + 1, size, events: 10 }));

const sizes = (groups: readonly MergeInput[][]): number[] => groups.map((group) => group.length);

const inputs = (least: number, most: number) =>
  fc
    .array(fc.record({ size: fc.integer({ min: least, max: most }), events: fc.nat(1000) }), {
      maxLength: 200,
    })
    .map((list) => list.map((one, i) => ({ file: i + 1, ...one })));

describe('planMerges', () => {
  it('makes nothing of nothing', () => {
    expect(planMerges([], { bytes: 100 })).toEqual([]);
  });

  it('joins a hundred small files into ten of the target size', () => {
    expect(sizes(planMerges(equal(100, 10), { bytes: 100 }))).toEqual(Array(10).fill(10));
  });

  it('counts events where the target is in events', () => {
    expect(sizes(planMerges(equal(12, 1), { events: 40 }))).toEqual([4, 4, 4]);
  });

  it('spreads the rest over all groups instead of leaving a tiny tail', () => {
    expect(sizes(planMerges(equal(101, 10), { bytes: 100 })).sort()).toEqual([
      ...Array<number>(9).fill(10),
      11,
    ]);
    expect(sizes(planMerges(equal(14, 10), { bytes: 100 }))).toEqual([14]);
    expect(sizes(planMerges(equal(16, 10), { bytes: 100 }))).toEqual([8, 8]);
  });

  it('leaves a file that is larger than the target by itself', () => {
    expect(sizes(planMerges(equal(3, 500), { bytes: 100 }))).toEqual([1, 1, 1]);
  });

  it('takes at most 500 inputs into one merge, however small they are', () => {
    expect(sizes(planMerges(equal(1200, 1), { bytes: 1e9 }))).toEqual([400, 400, 400]);
  });

  it('takes at most 500 inputs into one merge where one of them weighs more than all others', () => {
    const heavy = [{ file: 0, size: 1e9, events: 1 }, ...equal(501, 1)];
    expect(Math.max(...sizes(planMerges(heavy, { bytes: 1e9 })))).toBeLessThanOrEqual(500);
  });

  it('joins files without events too', () => {
    const empty = [1, 2, 3].map((file) => ({ file, size: 5, events: 0 }));
    expect(planMerges(empty, { events: 100 })).toEqual([empty]);
  });

  it('takes each input exactly once, in order', () => {
    const target = fc.oneof(
      fc.record({ bytes: fc.integer({ min: 1, max: 1e6 }) }),
      fc.record({ events: fc.integer({ min: 1, max: 1e5 }) }),
    );
    fc.assert(
      fc.property(inputs(1, 1e5), target, (list, aim) => {
        const groups = planMerges(list, aim);
        expect(groups.flat()).toEqual(list);
        for (const group of groups) expect(group.length).toBeGreaterThan(0);
      }),
    );
  });

  it('makes groups near the target, the last one too, of inputs that differ little', () => {
    fc.assert(
      fc.property(inputs(80, 120), fc.integer({ min: 500, max: 5000 }), (list, bytes) => {
        const total = list.reduce((sum, one) => sum + one.size, 0);
        const groups = planMerges(list, { bytes });
        expect(groups).toHaveLength(list.length === 0 ? 0 : Math.max(1, Math.round(total / bytes)));
        if (total < bytes) return;
        for (const group of groups) {
          const size = group.reduce((sum, one) => sum + one.size, 0);
          expect(size).toBeGreaterThan(0.5 * bytes - 120);
          expect(size).toBeLessThan(1.5 * bytes + 120);
        }
      }),
    );
  });
});
