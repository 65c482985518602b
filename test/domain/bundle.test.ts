import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptRanges, attemptsOf, jobsOf, type JobOrder, rangesOf } from '../../domain/bundle.js';

const small = fc.integer({ min: 1, max: 4 });
/** Jobs in order of their numbers, with gaps and changes now and then. */
const jobs = fc
  .array(
    fc.record({ step: small, attempt: small, seedStep: small, events: small, indexStep: small }),
    { maxLength: 60 },
  )
  .map((steps) => {
    let [job, seed, firstEvent, index] = [0, 0, 1, 0];
    return steps.map((step): JobOrder => {
      job += Math.max(1, step.step - 2);
      seed += Math.max(1, step.seedStep - 2);
      index += Math.max(1, step.indexStep - 2);
      const events = Math.max(1, step.events - 2);
      const order = {
        job,
        attempt: Math.max(1, step.attempt - 2),
        seed,
        firstEvent,
        events,
        index,
      };
      firstEvent += events;
      return order;
    });
  });

describe('rangesOf and jobsOf', () => {
  it('give back the same jobs', () => {
    fc.assert(
      fc.property(jobs, (list) => {
        expect([...jobsOf(rangesOf(list))]).toEqual(list);
      }),
    );
  });

  it('make no two ranges that could be one', () => {
    fc.assert(
      fc.property(jobs, (list) => {
        const ranges = rangesOf(list);
        for (let i = 1; i < ranges.length; i++) {
          expect(rangesOf(jobsOf(ranges.slice(i - 1, i + 1)))).toHaveLength(2);
        }
      }),
    );
  });

  it('give back the same ranges when these are as few as can be', () => {
    fc.assert(
      fc.property(jobs, (list) => {
        const ranges = rangesOf(list);
        expect(rangesOf(jobsOf(ranges))).toEqual(ranges);
      }),
    );
  });

  it('make one range of ten thousand jobs that follow each other', () => {
    const list = Array.from({ length: 10_000 }, (_, i) => ({
      job: i + 1,
      attempt: 1,
      seed: 500 + i,
      firstEvent: 1 + i * 100,
      events: 100,
      index: i + 1,
    }));
    expect(rangesOf(list)).toEqual([
      { job: 1, count: 10_000, attempt: 1, seed: 500, firstEvent: 1, events: 100, index: 1 },
    ]);
  });

  it('give nothing for nothing', () => {
    expect(rangesOf([])).toEqual([]);
    expect([...jobsOf([])]).toEqual([]);
  });
});

describe('attemptRanges and attemptsOf', () => {
  it('give back the same attempts', () => {
    fc.assert(
      fc.property(jobs, (list) => {
        const attempts = list.map(({ job, attempt }) => ({ job, attempt }));
        expect([...attemptsOf(attemptRanges(attempts))]).toEqual(attempts);
      }),
    );
  });
});
