import { describe, expect, it } from 'vitest';
import type { AttemptView, JobView } from '../../../catalog/views/job-view.js';
import { crossTable } from '../../../client/cli/pages/cross-table.js';
import { jobSentence } from '../../../client/cli/pages/job-sentence.js';
import { waitsFor } from '../../../client/cli/pages/waits-for.js';
import { PRODUCTION_STATES } from '../../../domain/states/production.js';
import { JOB_STATES } from '../../../domain/states/job.js';
import { look } from './look.js';
import { viewOf } from './production-view.js';

const production = viewOf();
const attempt: AttemptView = {
  attempt: 1,
  state: 'Failed',
  site: 'KMI',
  bundle: 1,
  placedAt: 0,
  submittedAt: 0,
  startedAt: 0,
  endedAt: 1000,
  settledAt: 1000,
  node: 'wn1',
  ceId: '1',
  step: 'payload',
  exitCode: 3,
  class: 'payload-error',
  blame: 'payload',
  reason: 'the payload ended with exit code 3',
  logTail: '',
  log: { at: null, archive: null, replicas: [] },
  wallSeconds: 1,
  cpuSeconds: 1,
  memoryMB: 10,
};
const job: JobView = {
  production: 'mumu',
  job: 7,
  kind: 'fabrication',
  state: 'Waiting',
  block: 1,
  seed: 7,
  firstEvent: 1,
  events: 100,
  attempt: 0,
  charged: 0,
  notBeforeAt: 0,
  avoid: [],
  attempts: [],
  outputs: [],
  inputs: [],
};

describe('what a production waits for', () => {
  it('is told in every state', () => {
    for (const state of PRODUCTION_STATES) {
      const sentence = waitsFor({ ...production, progress: { ...production.progress, state } }, 0);
      expect(sentence).toMatch(/\.$/);
    }
  });

  it('is its jobs at sites, then its back-off, then room', () => {
    const jobs = { Waiting: 5, Running: 3 };
    const busy = { ...production, progress: { ...production.progress, jobs } };
    expect(waitsFor({ ...busy, openBySite: { KMI: 2, PNNL: 1 } }, 0)).toBe(
      'For 3 jobs (2 at KMI, 1 at PNNL); 5 more wait for room.',
    );
    expect(waitsFor({ ...busy, nextPlacementAt: 90_000 }, 30_000)).toBe(
      'Every waiting job is in its back-off; the next may start in 1m 00s.',
    );
    expect(waitsFor(busy, 0)).toBe('5 jobs wait for room at a site.');
  });
});

describe('why a job is where it is', () => {
  const active = { name: 'mumu', state: 'Active' } as const;

  it('is told in every state', () => {
    for (const state of JOB_STATES) {
      expect(jobSentence({ ...job, state, attempts: [attempt] }, active, 0)).toMatch(/\.$/);
    }
  });

  it('names the failure before, the back-off and the sites it avoids', () => {
    const failed = { ...job, attempt: 1, attempts: [attempt], avoid: ['KMI'] };
    const before =
      'Before, attempt 1 failed at KMI with exit code 3: payload-error, blamed on the payload.';
    expect(jobSentence(failed, active, 0)).toBe(
      `It waits for room at a site other than KMI. ${before}`,
    );
    expect(jobSentence({ ...failed, notBeforeAt: 60_000 }, active, 0)).toBe(
      `It is in its back-off for another 1m 00s. ${before}`,
    );
    expect(jobSentence(failed, { name: 'mumu', state: 'Stopped' }, 0)).toBe(
      `It waits because its production is Stopped. ${before}`,
    );
  });

  it('tells what to do about a parked one', () => {
    const parked = { ...job, state: 'Parked', charged: 5, attempts: [attempt] } as const;
    expect(jobSentence(parked, active, 0)).toContain('`fabrica release mumu`');
  });
});

describe('a cross table', () => {
  it('has sums on both sides and the most frequent column first', () => {
    const text = crossTable(
      'site',
      [
        { row: 'KMI', column: 'memory', count: 1 },
        { row: 'KMI', column: 'node', count: 20 },
        { row: 'UVic', column: 'node', count: 3 },
      ],
      look,
    );
    expect(text.split('\n').map((line) => line.trim().split(/\s+/))).toEqual([
      ['site', 'node', 'memory', 'all'],
      ['KMI', '20', '1', '21'],
      ['UVic', '3', '0', '3'],
      ['all', '23', '1', '24'],
    ]);
  });
});
