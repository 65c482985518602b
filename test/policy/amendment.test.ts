import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateRules } from '../../activities/control/estimates.js';
import { parseDefinition } from '../../domain/parse.js';
import { amendmentRefusals, changesEstimate, limitsBelowNeeds } from '../../policy/amendment.js';
import { estimate } from '../../policy/estimate.js';
import { definition } from '../activities/control/control-room.js';

const before = parseDefinition(definition({ name: 'mumu' }));
const refused = (change: Record<string, unknown>, verdict = true): string[] =>
  amendmentRefusals(before, parseDefinition({ ...before, ...change }), { verdict }).map(
    ({ field }) => field,
  );

it.each([
  [{ tolerance: 0.1 }],
  [{ sites: ['KMI'] }],
  [{ priority: 9, group: 'charm', description: 'new' }],
  [{ retries: { ...before.retries, attempts: 9 } }],
  [{ throttle: { maxRunningJobs: 10, maxJobsPerMinute: 100 } }],
  [
    {
      fabrication: { ...before.fabrication, limits: { ...before.fabrication.limits, memory: 4e9 } },
    },
  ],
])('%j may change while it runs', (change) => {
  expect(refused(change)).toEqual([]);
});

it.each([
  [{ name: 'other' }, ['name']],
  [{ events: 7 }, ['events']],
  [{ dataset: { ...before.dataset, campaign: 'other' } }, ['dataset.campaign']],
  [
    { fabrication: { ...before.fabrication, environment: 'source other' } },
    ['fabrication.environment'],
  ],
])('%j may not', (change, fields) => {
  expect(refused(change)).toEqual(fields);
});

it('what the scouts are judged by may change until they are', () => {
  const scouts = { ...before.scouts, minimumSuccess: 0.5 };
  expect(refused({ scouts })).toEqual(['scouts.minimumSuccess']);
  expect(refused({ scouts }, false)).toEqual([]);
  const after = parseDefinition({ ...before, scouts, events: 7 });
  expect(amendmentRefusals(before, after, { verdict: true })).toMatchObject([
    { field: 'events', never: true },
    { field: 'scouts.minimumSuccess', never: false },
  ]);
});

it('new limits are a reason to size jobs anew, a new tolerance is none', () => {
  const limits = { ...before.fabrication.limits, memory: 4e9 };
  const after = parseDefinition({ ...before, fabrication: { ...before.fabrication, limits } });
  expect(changesEstimate(before, after)).toBe(true);
  expect(changesEstimate(before, parseDefinition({ ...before, tolerance: 0.1 }))).toBe(false);
});

describe('limits below what the scouts have measured', () => {
  const withLimits = (limits: object, from = before) =>
    parseDefinition({
      ...from,
      fabrication: {
        ...from.fabrication,
        limits: { ...from.fabrication.limits, ...limits },
      },
    });
  /** Scouts that have taken 20 s, 300 MB and 1 MB of outputs for 10 events. */
  const measured = { wallSeconds: 20, cpuSeconds: 18, memoryMB: 300, bytes: 1e6 };
  const sample = { events: 10, ...measured, hs23PerCore: 10, killedBy: null };
  const tooLow = (limits: object, from = before, samples = [sample, sample]): string[] => {
    const after = withLimits(limits, from);
    const needs = estimate(samples, estimateRules(after, { events: 60, input: null }));
    return limitsBelowNeeds(from, after, needs);
  };

  it('are told with both figures', () => {
    expect(tooLow({ memory: '1 B', wallTime: 19, disk: '1 kB' })).toEqual([
      'fabrication.limits.wallTime: a job would have 19 s, and by what the scouts have measured one of 10 events needs 20 s',
      'fabrication.limits.memory: a job would have 1 B, and by what the scouts have measured one of 10 events needs 300 MB',
      'fabrication.limits.disk: a job would have 1 kB, and by what the scouts have measured one of 10 events needs 1 MB',
    ]);
  });

  it('are none of those that suffice, that are raised, or of which nothing was measured', () => {
    expect(tooLow({ memory: '300 MB', wallTime: 20, disk: '1 MB' })).toEqual([]);
    expect(tooLow({ memory: '250 MB' }, withLimits({ memory: '200 MB' }))).toEqual([]);
    expect(tooLow({ memory: '1 B' }, before, [])).toEqual([]);
  });

  it('are none with the figures that a refusal has named', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        fc.double({ min: 1, max: 8e4, noNaN: true }),
        (memoryMB, wallSeconds) => {
          const samples = [{ ...sample, memoryMB, wallSeconds }];
          const from = withLimits({ memory: '10 TB', wallTime: '100d' });
          const [wallTime, memory] = tooLow({ memory: 1, wallTime: 0.1 }, from, samples).map(
            (one) => / needs (.*)$/.exec(one)?.[1],
          );
          expect([wallTime, memory]).not.toContain(undefined);
          expect(tooLow({ memory, wallTime }, from, samples)).toEqual([]);
        },
      ),
    );
  });
});
