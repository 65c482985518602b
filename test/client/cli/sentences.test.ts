import { describe, expect, it } from 'vitest';
import type { AttemptView, JobView } from '../../../catalog/views/job-view.js';
import { crossTable } from '../../../client/cli/pages/cross-table.js';
import { jobPage } from '../../../client/cli/pages/job-page.js';
import { jobSentence } from '../../../client/cli/pages/job-sentence.js';
import { waitsFor } from '../../../client/cli/pages/waits-for.js';
import { clockText, timeText } from '../../../client/cli/text.js';
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
  rule: 'nonzero',
  evidence: null,
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
  uncharged: 0,
  notBeforeAt: 0,
  avoid: [],
  closedSites: [],
  openSites: ['KMI', 'UVic'],
  splitFrom: null,
  splitInto: [],
  waived: null,
  attempts: [],
  outputs: [],
  inputs: [],
  overlay: [],
  inputFiles: 0,
  lostInput: null,
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
  const active = { name: 'mumu', state: 'Active', reason: '' } as const;
  const sentence = (change: Partial<JobView>, production: object = {}, now = 0): string =>
    jobSentence({ ...job, ...change }, { ...active, ...production }, now);
  const before =
    'Before, attempt 1 failed at KMI with exit code 3: payload-error, blamed on the payload.';
  const failed = { attempt: 1, attempts: [attempt], avoid: ['KMI'] };

  it('is told in every state', () => {
    for (const state of JOB_STATES) {
      expect(sentence({ state, attempts: [attempt] })).toMatch(/\.$/);
      expect(sentence({ state })).toMatch(/\.$/);
    }
  });

  it('names the failure before, the back-off and the sites it avoids', () => {
    expect(sentence(failed)).toBe(`It waits for room at a site other than KMI. ${before}`);
    expect(sentence({ ...failed, notBeforeAt: 60_000 })).toBe(
      `It is in its back-off for another 1m 00s, until ${timeText(60_000)}. ${before}`,
    );
    expect(sentence(failed, { state: 'Stopped', reason: 'paused by ann.' })).toBe(
      `It waits because its production is Stopped (paused by ann). ${before}`,
    );
  });

  it('tells why no site can take it', () => {
    const closedSites = [
      { site: 'KMI', why: 'Banned: air conditioning' },
      { site: 'UVic', why: 'left out: 9 of 10 attempts failed' },
    ];
    expect(sentence({ openSites: [], closedSites })).toBe(
      'It waits because no site can take it: KMI (Banned: air conditioning), UVic (left out: 9 of 10 attempts failed).',
    );
  });

  it('tells since when it is queued, and since when it runs', () => {
    const at = { ...attempt, class: null, endedAt: null };
    const queued = { state: 'Submitted', attempt: 1, attempts: [at] } as const;
    expect(sentence(queued, {}, 90_000)).toBe(
      'Attempt 1 has been queued at KMI for 1m 30s and waits for a slot.',
    );
    const unheard = { ...queued, attempts: [{ ...at, submittedAt: null }] };
    expect(sentence(unheard, {}, 90_000)).toBe(
      'Attempt 1 was sent to KMI 1m 30s ago, which has not told yet that it has started.',
    );
    expect(sentence({ ...queued, state: 'Running' }, {}, 90_000)).toBe(
      'Attempt 1 runs at KMI for 1m 30s.',
    );
  });

  it('tells what to do about a parked one, and what counts against it', () => {
    const parked = { state: 'Parked', charged: 5, uncharged: 2, attempts: [attempt] } as const;
    expect(sentence(parked)).toContain(
      'after 5 attempts that count against it and 2 that do not: attempt 1 failed at KMI',
    );
    expect(sentence(parked)).toContain('`fabrica release mumu`');
  });

  it('names the parts of one that was split, and who has waived one', () => {
    expect(sentence({ state: 'Split', splitInto: [11, 12] })).toBe(
      'It was too big for its limits: jobs 11 and 12 make its events.',
    );
    const waived = { who: 'ann', at: 1000, why: 'not needed' };
    expect(sentence({ state: 'Waived', waived })).toBe(
      `ann gave it up on ${timeText(1000)} (not needed): its 100 events will be missing.`,
    );
  });

  it('tells with what it was cancelled', () => {
    expect(
      sentence({ state: 'Cancelled' }, { state: 'Cancelled', reason: 'cancelled by ann' }),
    ).toBe('It was ended with its production, which is Cancelled (cancelled by ann).');
    expect(sentence({ state: 'Cancelled', kind: 'merge' })).toContain('inputs of it were lost');
  });
});

describe('the page of a job', () => {
  it('tells everything about each attempt, its raw text whole and safe', () => {
    const reason = `line one \u001b[2J ${'x'.repeat(300)}`;
    const whole: AttemptView = {
      ...attempt,
      reason,
      evidence: { found: 'No space left on device' },
      log: {
        at: 'archive',
        archive: { lfn: '/belle/log/x.tar.gz', state: 'Valid' },
        replicas: [{ storage: 'KMI-TMP', path: '/e1/belle/log/x.tar.gz' }],
      },
    };
    const page = jobPage({ ...job, attempts: [whole] }, 'why.', look);
    for (const text of [
      `ended      ${timeText(1000)}`,
      'node       wn1',
      'exit code  3 in step payload',
      'payload-error, blamed on the payload, by the rule nonzero, which found: No space left',
      'wall 1 s, CPU 1 s, memory 10 MB',
      'in /belle/log/x.tar.gz on KMI-TMP',
      'x'.repeat(300),
    ]) {
      expect(page).toContain(text);
    }
    expect(page).not.toContain('\u001b');
  });

  it('has times with their zone', () => {
    expect(timeText(0)).toBe('1970-01-01 00:00:00Z');
    expect(clockText(50_000)).toBe('00:00:50Z');
    expect(timeText(null)).toBe('-');
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
