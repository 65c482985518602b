import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBlock, planScouts, type BlockPlan } from '../../policy/job-plan.js';

const total = (plan: BlockPlan): number => plan.jobEvents.reduce((sum, one) => sum + one, 0);

/** All blocks of a production, after `planned` events. */
function blocksOf(production: {
  events: number;
  planned: number;
  eventsPerJob: number;
  blockJobs: number;
}): BlockPlan[] {
  const blocks: BlockPlan[] = [];
  let { planned } = production;
  for (;;) {
    const plan = planBlock({ ...production, planned });
    if (plan === null) return blocks;
    blocks.push(plan);
    planned += total(plan);
  }
}

describe('planBlock', () => {
  it('cuts a production into blocks of whole jobs, the last job with the rest', () => {
    const blocks = blocksOf({ events: 1050, planned: 0, eventsPerJob: 100, blockJobs: 4 });
    expect(blocks).toEqual([
      { firstEvent: 1, jobEvents: [100, 100, 100, 100] },
      { firstEvent: 401, jobEvents: [100, 100, 100, 100] },
      { firstEvent: 801, jobEvents: [100, 100, 50] },
    ]);
  });

  it('takes a rest of less than half a block into the last block', () => {
    const blocks = blocksOf({ events: 1000, planned: 0, eventsPerJob: 100, blockJobs: 8 });
    expect(blocks.map((block) => block.jobEvents.length)).toEqual([10]);
  });

  it('plans nothing when all events are in blocks', () => {
    expect(planBlock({ events: 10, planned: 10, eventsPerJob: 5, blockJobs: 2 })).toBeNull();
    expect(planBlock({ events: 10, planned: 12, eventsPerJob: 5, blockJobs: 2 })).toBeNull();
  });
});

describe('planScouts', () => {
  it('makes as many scouts as are wanted', () => {
    expect(planScouts({ events: 1000, jobs: 3, eventsPerJob: 20 })).toEqual({
      firstEvent: 1,
      jobEvents: [20, 20, 20],
    });
  });

  it('makes fewer of a small production, the last one with the rest', () => {
    expect(planScouts({ events: 50, jobs: 10, eventsPerJob: 20 })?.jobEvents).toEqual([20, 20, 10]);
  });

  it('makes none where none are wanted', () => {
    expect(planScouts({ events: 50, jobs: 0, eventsPerJob: 20 })).toBeNull();
  });
});

describe('scouts and blocks together', () => {
  it('tile the events 1 to N exactly, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.nat(20),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 50 }),
        (events, scouts, perScout, eventsPerJob, blockJobs) => {
          const first = planScouts({ events, jobs: scouts, eventsPerJob: perScout });
          const planned = first === null ? 0 : total(first);
          const blocks = [
            ...(first === null ? [] : [first]),
            ...blocksOf({ events, planned, eventsPerJob, blockJobs }),
          ];
          let next = 1;
          for (const [i, block] of blocks.entries()) {
            expect(block.firstEvent).toBe(next);
            const perJob = i === 0 && first !== null ? perScout : eventsPerJob;
            for (const count of block.jobEvents) {
              expect(count).toBeGreaterThan(0);
              expect(count).toBeLessThanOrEqual(perJob);
              next += count;
            }
            if (block !== first) {
              expect(block.jobEvents.length).toBeLessThanOrEqual(1.5 * blockJobs);
            }
          }
          expect(next).toBe(events + 1);
        },
      ),
    );
  });
});
