import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScoutSample } from '../../domain/scout.js';
import { MAX_JOBS } from '../../domain/definition.js';
import { estimate, type EstimateRules } from '../../policy/estimate.js';

const RULES: EstimateRules = {
  eventsPerJob: 'auto',
  targetWallSeconds: 3600,
  wallSeconds: 86_400,
  memoryMB: 2000,
  events: 1_000_000,
  mergeBytes: 1e9,
  mergeEvents: null,
};

const sample = (more: Partial<ScoutSample> = {}): ScoutSample => ({
  events: 100,
  wallSeconds: 200,
  cpuSeconds: 180,
  memoryMB: 500,
  bytes: 1e6,
  hs23PerCore: 10,
  killedBy: null,
  ...more,
});

/** Samples of 1.9, 2.0 and 2.1 s per event in turn. */
const spread = (count: number): ScoutSample[] =>
  Array.from({ length: count }, (_, i) => sample({ wallSeconds: 190 + 10 * (i % 3) }));

const anySample = fc.record({
  events: fc.integer({ min: 1, max: 10_000 }),
  wallSeconds: fc.option(fc.double({ min: 0.01, max: 1e5, noNaN: true })),
  cpuSeconds: fc.option(fc.double({ min: 0.01, max: 1e5, noNaN: true })),
  memoryMB: fc.option(fc.double({ min: 1, max: 1e5, noNaN: true })),
  bytes: fc.option(fc.integer({ min: 0, max: 1e9 })),
  hs23PerCore: fc.double({ min: 1, max: 100, noNaN: true }),
});
const finished = anySample.map((one) => ({ ...one, killedBy: null }));
const killed = fc.record({
  one: anySample,
  killedBy: fc.constantFrom('wall-time' as const, 'memory' as const),
});
const rules = fc.record({
  eventsPerJob: fc.oneof(fc.constant('auto' as const), fc.integer({ min: 1, max: 100_000 })),
  targetWallSeconds: fc.double({ min: 1, max: 1e5, noNaN: true }),
  wallSeconds: fc.double({ min: 1, max: 1e6, noNaN: true }),
  memoryMB: fc.double({ min: 1, max: 1e5, noNaN: true }),
  events: fc.integer({ min: 1, max: 1e12 }),
  mergeBytes: fc.option(fc.integer({ min: 1, max: 1e12 })),
  mergeEvents: fc.option(fc.integer({ min: 1, max: 1e9 })),
});

describe('estimate', () => {
  it('takes the mean and k standard deviations, and sizes jobs by it', () => {
    const measured = estimate(spread(9), RULES);
    const k = 1.28 + 2 / 3;
    const deviation = Math.sqrt((6 * 0.1 ** 2) / 8);
    expect(measured.margin).toBeCloseTo(k);
    expect(measured.wallPerEvent).toBeCloseTo(2 + k * deviation);
    expect(measured.eventsPerJob).toBe(Math.floor(3600 / (2 + k * deviation)));
    expect(measured.cpuPerEvent).toBeCloseTo(18);
    expect(measured.bytesPerEvent).toBe(1e4);
  });

  it('makes blocks of a twentieth of a large production, in whole merges', () => {
    const jobsOf = (jobs: number): number =>
      estimate([], { ...RULES, events: 100 * jobs, eventsPerJob: 100, mergeEvents: 700 }).blockJobs;
    expect([100, 10_000, 100_000, 1_000_000, 10_000_000].map(jobsOf)).toEqual([
      203, 504, 5005, 20_000, 20_000,
    ]);
  });

  it('sizes merges and blocks by the bytes: at least five merged files a block', () => {
    const measured = estimate(spread(9), { ...RULES, eventsPerJob: 1000 });
    expect(measured.jobsPerMerge).toBe(100);
    expect(measured.blockJobs).toBe(500);
    expect(estimate(spread(9), { ...RULES, mergeBytes: null }).jobsPerMerge).toBe(1);
    expect(estimate([], { ...RULES, eventsPerJob: 10, mergeEvents: 500 }).jobsPerMerge).toBe(50);
  });

  it('widens the margin as the sample shrinks', () => {
    const margins = [1, 3, 9, 27, 81].map((count) => estimate(spread(count), RULES));
    for (let i = 1; i < margins.length; i++) {
      expect(margins[i]!.margin).toBeLessThan(margins[i - 1]!.margin);
    }
    for (let i = 2; i < margins.length; i++) {
      expect(margins[i]!.wallPerEvent!).toBeLessThan(margins[i - 1]!.wallPerEvent!);
    }
  });

  it('gives the definition’s own figures without scouts', () => {
    expect(estimate([], { ...RULES, eventsPerJob: 50 })).toMatchObject({
      samples: 0,
      wallPerEvent: null,
      eventsPerJob: 50,
      wallLimit: RULES.wallSeconds,
      memoryLimit: RULES.memoryMB,
    });
    expect(estimate([], RULES).eventsPerJob).toBe(1000);
  });

  it('gives three times the expected wall time and half as much memory again as limits', () => {
    const measured = estimate([sample(), sample()], RULES);
    expect(measured.wallLimit).toBe(10_800);
    expect(measured.memoryLimit).toBe(750);
    const short = estimate([sample({ wallSeconds: 1, memoryMB: 10 })], {
      ...RULES,
      eventsPerJob: 1,
    });
    expect([short.wallLimit, short.memoryLimit]).toEqual([120, 256]);
  });

  it('is raised by a scout that the wall limit ended', () => {
    const before = estimate(spread(9), RULES);
    const after = estimate(
      [...spread(9), sample({ wallSeconds: 900, killedBy: 'wall-time' })],
      RULES,
    );
    expect(after.censored).toBe(1);
    expect(after.wallPerEvent!).toBeGreaterThan(before.wallPerEvent!);
    expect(after.eventsPerJob).toBeLessThan(before.eventsPerJob);
  });

  it('is not lowered by the short time after which memory ended a scout', () => {
    const before = estimate(spread(9), RULES);
    const ended = sample({ wallSeconds: 1, cpuSeconds: 1, memoryMB: 4000, killedBy: 'memory' });
    const after = estimate([...spread(9), ended], RULES);
    expect(after.wallPerEvent!).toBeGreaterThanOrEqual(before.wallPerEvent!);
    expect(after.cpuPerEvent!).toBeGreaterThanOrEqual(before.cpuPerEvent!);
    expect(after.memoryMB!).toBeGreaterThan(before.memoryMB!);
  });

  it('is never lowered by censored samples', () => {
    fc.assert(
      fc.property(
        fc.array(finished, { minLength: 1, maxLength: 15 }),
        fc.array(killed, { maxLength: 5 }),
        (good, ended) => {
          const censored = ended.map(({ one, killedBy }) => ({ ...one, killedBy }));
          const before = estimate(good, RULES);
          const after = estimate([...good, ...censored], RULES);
          for (const key of ['wallPerEvent', 'cpuPerEvent', 'bytesPerEvent', 'memoryMB'] as const) {
            if (before[key] !== null) expect(after[key]!).toBeGreaterThanOrEqual(before[key]);
          }
        },
      ),
    );
  });

  it('keeps auto jobs below the target wall time and limits below the definition’s', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            finished,
            killed.map(({ one, killedBy }) => ({ ...one, killedBy })),
          ),
          {
            maxLength: 15,
          },
        ),
        rules,
        (samples, given) => {
          const measured = estimate(samples, given);
          expect(measured.wallLimit).toBeLessThanOrEqual(given.wallSeconds);
          expect(measured.memoryLimit).toBeLessThanOrEqual(given.memoryMB);
          for (const count of ['eventsPerJob', 'jobsPerMerge', 'blockJobs'] as const) {
            expect(Number.isSafeInteger(measured[count])).toBe(true);
            expect(measured[count]).toBeGreaterThanOrEqual(1);
          }
          expect(measured.blockJobs).toBeLessThanOrEqual(20_000);
          if (given.eventsPerJob !== 'auto') {
            expect(measured.eventsPerJob).toBe(given.eventsPerJob);
            return;
          }
          expect(measured.eventsPerJob).toBeLessThanOrEqual(given.events);
          expect(given.events / measured.eventsPerJob).toBeLessThanOrEqual(MAX_JOBS);
          // Beyond the numbers that file names have room for, jobs become longer instead of more.
          const least = Math.ceil(given.events / (MAX_JOBS / 2));
          if (measured.eventsPerJob > least && measured.jobSeconds !== null) {
            expect(measured.jobSeconds).toBeLessThanOrEqual(given.targetWallSeconds * (1 + 1e-12));
          }
        },
      ),
    );
  });
});
