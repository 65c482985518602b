import { expect, it } from 'vitest';
import { parseDefinition } from '../../domain/parse.js';
import { amendmentRefusals, changesEstimate } from '../../policy/amendment.js';
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
