import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ALL_KINDS, GRIDS, traitsOf } from './fault-kinds.js';
import { planFaults, type PlanOptions } from './plan.js';

const options = fc.record({
  seed: fc.integer({ min: 0, max: 1e9 }),
  faults: fc.integer({ min: 0, max: 60 }),
  grid: fc.constantFrom(...GRIDS),
  kinds: fc.subarray([...ALL_KINDS], { minLength: 1 }),
});

test('the same seed gives the same plan', () => {
  fc.assert(
    fc.property(options, (of) => {
      expect(planFaults(of)).toEqual(planFaults(of));
    }),
  );
});

test('a shorter plan is the beginning of a longer one', () => {
  fc.assert(
    fc.property(options, (of) => {
      const shorter = planFaults(of);
      expect(planFaults({ ...of, faults: of.faults + 5 }).slice(0, shorter.length)).toEqual(
        shorter,
      );
    }),
  );
});

test('a plan has as many faults as asked for, in order, each of a kind that fits the grid', () => {
  fc.assert(
    fc.property(options, (of) => {
      const plan = planFaults(of);
      const fitting = of.kinds.filter((kind) => traitsOf(kind).grids.includes(of.grid));
      expect(plan).toHaveLength(fitting.length === 0 ? 0 : of.faults);
      for (const [index, fault] of plan.entries()) {
        const [least, most] = traitsOf(fault.kind).lasts ?? [0, 0];
        expect(fitting).toContain(fault.kind);
        expect(fault.number).toBe(index + 1);
        expect(fault.at).toBeGreaterThanOrEqual(plan[index - 1]?.at ?? 0);
        expect(fault.lasts).toBeGreaterThanOrEqual(least);
        expect(fault.lasts).toBeLessThanOrEqual(most);
        expect(fault.pick).toBeGreaterThanOrEqual(0);
        expect(fault.pick).toBeLessThan(1);
      }
    }),
  );
});

test('faults of one group do not overlap', () => {
  fc.assert(
    fc.property(options, (of) => {
      const ends = new Map<string, number>();
      for (const { kind, at, lasts } of planFaults(of)) {
        const { group } = traitsOf(kind);
        if (group === null) continue;
        expect(at).toBeGreaterThan(ends.get(group) ?? -1);
        ends.set(group, at + lasts);
      }
    }),
  );
});

test('twenty plans of ten faults have every kind that there is', () => {
  const of = (seed: number, grid: PlanOptions['grid']) =>
    planFaults({ seed, grid, faults: 10, kinds: ALL_KINDS }).map(({ kind }) => kind);
  const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
  const found = new Set(seeds.flatMap((seed) => of(seed, 'local')));
  expect([...ALL_KINDS].filter((kind) => !found.has(kind))).toEqual([]);
});
