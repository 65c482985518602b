import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planDistribution, type CopyTarget } from '../../policy/distribution-plan.js';

const target = (name: string, area: string, more: Partial<CopyTarget> = {}): CopyTarget => ({
  name,
  area,
  purpose: 'final',
  free: 1e12,
  usable: true,
  ...more,
});

const TARGETS = [
  target('KEK', 'asia'),
  target('KMI', 'asia'),
  target('PNNL', 'america'),
  target('UVic', 'america'),
  target('TMP', 'asia', { purpose: 'temporary' }),
];
const file = (more: Partial<Parameters<typeof planDistribution>[0]> = {}) => ({
  size: 1000,
  present: [],
  turn: 0,
  ...more,
});

const areas = ['asia', 'america', 'europe'];
const cases = fc.record({
  targets: fc
    .array(
      fc.record({
        area: fc.constantFrom(...areas),
        purpose: fc.constantFrom('final' as const, 'final' as const, 'temporary' as const),
        free: fc.option(fc.integer({ min: 0, max: 4000 })),
        usable: fc.boolean(),
      }),
      { maxLength: 12 },
    )
    .map((list) => list.map((one, i) => ({ name: `SE${i}`, ...one }))),
  present: fc.uniqueArray(
    fc.integer({ min: 0, max: 14 }).map((i) => `SE${i}`),
    { maxLength: 4 },
  ),
  exclude: fc.uniqueArray(
    fc.integer({ min: 0, max: 14 }).map((i) => `SE${i}`),
    { maxLength: 4 },
  ),
  copies: fc.integer({ min: 1, max: 6 }),
  wanted: fc.subarray(areas),
  turn: fc.nat(1000),
});

describe('planDistribution', () => {
  it('puts one copy into each wanted area before a second one into any', () => {
    const plan = planDistribution(file(), { copies: 2, areas: ['asia', 'america'] }, TARGETS);
    const chosen = plan.copyTo.map((name) => TARGETS.find((one) => one.name === name)?.area);
    expect(chosen.sort()).toEqual(['america', 'asia']);
    expect(plan.missing).toBe(0);
  });

  it('counts a copy that is there already, and adds the other one in another area', () => {
    const plan = planDistribution(file({ present: ['KEK'] }), { copies: 2, areas: [] }, TARGETS);
    expect(plan.keep).toEqual(['KEK']);
    expect(plan.drop).toEqual([]);
    expect(['PNNL', 'UVic']).toContain(plan.copyTo[0]);
  });

  it('drops copies on temporary storages, in other areas, and beyond the number wanted', () => {
    const plan = planDistribution(
      file({ present: ['TMP', 'PNNL', 'KEK', 'KMI'] }),
      { copies: 1, areas: ['asia'] },
      TARGETS,
    );
    expect(plan).toEqual({ copyTo: [], keep: ['KEK'], drop: ['TMP', 'PNNL', 'KMI'], missing: 0 });
  });

  it('prefers the storage with far more space, and takes turns among equals', () => {
    const roomy = [target('SMALL', 'asia', { free: 1e9 }), target('LARGE', 'asia', { free: 1e12 })];
    const wish = { copies: 1, areas: [] };
    for (let turn = 0; turn < 4; turn++) {
      expect(planDistribution(file({ turn }), wish, roomy).copyTo).toEqual(['LARGE']);
    }
    const equals = [0, 1, 2, 3].flatMap(
      (turn) => planDistribution(file({ turn }), wish, TARGETS.slice(0, 4)).copyTo,
    );
    expect(new Set(equals).size).toBe(4);
  });

  it('never fills the last twentieth of a storage', () => {
    const tight = [target('KEK', 'asia', { free: 1050 }), target('KMI', 'asia', { free: 1060 })];
    expect(planDistribution(file(), { copies: 2, areas: [] }, tight)).toMatchObject({
      copyTo: ['KMI'],
      missing: 1,
    });
  });

  it('says how many copies can not be made', () => {
    const plan = planDistribution(file(), { copies: 3, areas: ['asia'] }, TARGETS, ['KMI']);
    expect(plan).toEqual({ copyTo: ['KEK'], keep: [], drop: [], missing: 2 });
  });

  it('holds its rules for any storages', () => {
    fc.assert(
      fc.property(cases, ({ targets, present, exclude, copies, wanted, turn }) => {
        const one = file({ present, turn });
        const wish = { copies, areas: wanted };
        const plan = planDistribution(one, wish, targets, exclude);
        expect(planDistribution(one, wish, targets, exclude)).toEqual(plan);

        const all = [...plan.keep, ...plan.copyTo];
        expect(new Set(all).size).toBe(all.length);
        expect(all.length + plan.missing).toBe(copies);
        expect([...plan.keep, ...plan.drop].sort()).toEqual([...present].sort());
        const fits = (name: string): boolean => {
          const found = targets.find((each) => each.name === name);
          return found?.purpose === 'final' && (wanted.length === 0 || wanted.includes(found.area));
        };
        expect(all.every(fits)).toBe(true);
        const open = targets.filter(
          (each) =>
            fits(each.name) &&
            each.usable &&
            !exclude.includes(each.name) &&
            !present.includes(each.name) &&
            (each.free === null || each.free * 0.95 > one.size),
        );
        for (const name of plan.copyTo) expect(open.map((each) => each.name)).toContain(name);
        // It is complete, or nothing that could have been used is left.
        if (plan.missing > 0) expect(plan.copyTo).toHaveLength(open.length);

        const count = (area: string): number =>
          all.filter((name) => targets.find((each) => each.name === name)?.area === area).length;
        const left = open.filter((each) => !plan.copyTo.includes(each.name));
        for (const name of plan.copyTo) {
          const area = targets.find((each) => each.name === name)?.area ?? '';
          for (const other of left) {
            if (other.area !== area) expect(count(area)).toBeLessThanOrEqual(count(other.area) + 1);
          }
        }
      }),
    );
  });
});
