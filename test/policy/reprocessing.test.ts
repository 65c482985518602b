import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planReprocessing, type BlockLineage } from '../../policy/reprocessing.js';

/** Jobs with one output per level, joined level by level in groups of consecutive jobs. */
interface Made {
  readonly lineage: BlockLineage;
  readonly jobs: readonly number[];
  readonly merges: readonly number[];
}

const made: fc.Arbitrary<Made> = fc
  .record({
    jobs: fc.integer({ min: 1, max: 30 }),
    groups: fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 30 }), {
      minLength: 1,
      maxLength: 3,
    }),
    gone: fc.array(fc.boolean(), { minLength: 90, maxLength: 90 }),
  })
  .map(({ gone, groups, jobs }) => {
    const numbers = Array.from({ length: jobs }, (_, i) => i + 1);
    const outputs = groups.flatMap((_, level) =>
      numbers.map((job) => ({
        file: 100 * (level + 1) + job,
        job,
        here: gone[30 * level + job - 1] !== true,
      })),
    );
    let next = jobs + 1;
    const merges = groups.flatMap((sizes, level) => {
      const list: { job: number; inputs: number[] }[] = [];
      let from = 1;
      for (const size of [...sizes, jobs]) {
        const inputs = numbers
          .filter((job) => job >= from && job < from + size)
          .map((job) => 100 * (level + 1) + job);
        if (inputs.length > 0) list.push({ job: next++, inputs });
        from += size;
      }
      return list;
    });
    return { lineage: { outputs, merges }, jobs: numbers, merges: merges.map(({ job }) => job) };
  });

const asked = made.chain((one) =>
  fc.record({
    made: fc.constant(one),
    jobs: fc.uniqueArray(fc.constantFrom(...one.jobs), { maxLength: 5 }),
    merges: fc.uniqueArray(fc.constantFrom(...one.merges), { maxLength: 3 }),
  }),
);

const numbersOf = (plan: ReturnType<typeof planReprocessing>) => plan.again.map(({ job }) => job);

describe('what runs again', () => {
  it('is all that is needed: every output is made again, still merged, or here to be merged anew', () => {
    fc.assert(
      fc.property(asked, ({ made: { lineage }, jobs, merges }) => {
        const plan = planReprocessing(lineage, { jobs, merges });
        const again = new Set(numbersOf(plan));
        const retired = new Set(plan.retired);
        for (const job of jobs) expect(again).toContain(job);
        for (const merge of merges) {
          expect(retired.has(merge) || plan.repeated.includes(merge)).toBe(true);
        }
        const output = new Map(lineage.outputs.map((one) => [one.file, one]));
        for (const { inputs, job } of lineage.merges) {
          const files = inputs.map((file) => output.get(file)!);
          // A merge that stays has none of the files that are replaced.
          if (!retired.has(job)) expect(files.some((one) => again.has(one.job))).toBe(false);
          else expect(files.every((one) => again.has(one.job) || one.here)).toBe(true);
          if (plan.repeated.includes(job)) expect(files.every((one) => one.here)).toBe(true);
        }
      }),
    );
  });

  it('is no more: each job was asked for, or a retired merge has lost its output', () => {
    fc.assert(
      fc.property(asked, ({ made: { lineage }, jobs, merges }) => {
        const plan = planReprocessing(lineage, { jobs, merges });
        const again = new Set(numbersOf(plan));
        const inputs = new Map(lineage.merges.map((one) => [one.job, one.inputs]));
        const output = new Map(lineage.outputs.map((one) => [one.file, one]));
        for (const { because, job } of plan.again) {
          if (because === null) expect(jobs).toContain(job);
          else {
            expect(plan.retired).toContain(because);
            const lost = (inputs.get(because) ?? []).map((file) => output.get(file)!);
            expect(lost.some((one) => one.job === job && !one.here)).toBe(true);
          }
        }
        for (const merge of plan.retired) {
          const files = (inputs.get(merge) ?? []).map((file) => output.get(file)!);
          const asked = merges.includes(merge) && files.some((one) => !one.here);
          expect(asked || files.some((one) => again.has(one.job))).toBe(true);
        }
        expect(plan.repeated.every((merge) => merges.includes(merge))).toBe(true);
      }),
    );
  });

  it('is closed: asking for all of it asks for nothing more', () => {
    fc.assert(
      fc.property(asked, ({ made: { lineage }, jobs, merges }) => {
        const plan = planReprocessing(lineage, { jobs, merges });
        const again = planReprocessing(lineage, { jobs: numbersOf(plan), merges: plan.repeated });
        expect(numbersOf(again)).toEqual(numbersOf(plan));
        expect(again.retired).toEqual(plan.retired);
        expect(again.repeated).toEqual(plan.repeated);
      }),
    );
  });

  it('is the asked jobs alone while the unmerged outputs are there', () => {
    fc.assert(
      fc.property(asked, ({ made: { lineage }, jobs }) => {
        const outputs = lineage.outputs.map((one) => ({ ...one, here: true }));
        const plan = planReprocessing({ ...lineage, outputs }, { jobs, merges: [] });
        expect(numbersOf(plan)).toEqual([...jobs].sort((a, b) => a - b));
      }),
    );
  });

  it('spreads from level to level where merges overlap', () => {
    const outputs = [1, 2, 3].flatMap((job) =>
      [10, 20].map((level) => ({ file: level + job, job, here: false })),
    );
    const lineage = {
      outputs,
      merges: [
        { job: 4, inputs: [11, 12] },
        { job: 5, inputs: [13] },
        { job: 6, inputs: [21] },
        { job: 7, inputs: [22, 23] },
      ],
    };
    expect(planReprocessing(lineage, { jobs: [1], merges: [] })).toEqual({
      again: [
        { job: 1, because: null },
        { job: 2, because: 4 },
        { job: 3, because: 7 },
      ],
      repeated: [],
      retired: [4, 5, 6, 7],
    });
  });
});
