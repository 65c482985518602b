import { describe, expect, it } from 'vitest';
import { shareDone } from '../../../client/cli/pages/stages.js';
import {
  endLine,
  liveLine,
  liveLines,
  rateText,
  type LiveView,
} from '../../../client/cli/watch/live-view.js';
import { Pace } from '../../../client/cli/watch/pace.js';
import type { ProductionProgress } from '../../../domain/progress.js';
import { style } from './look.js';

const progress: ProductionProgress = {
  production: 'mumu',
  state: 'Active',
  reason: 'the scouts are good',
  priority: 5,
  events: { asked: 2200, wanted: 2000, made: 1000, merged: 500, distributed: 0, waived: 200 },
  files: 0,
  bytes: 0,
  blocks: { Fabricating: 1 },
  jobs: { Done: 20, Running: 4 },
  merges: {},
  failures: { 'payload-crash': 3 },
  at: 60_000,
};
const view: LiveView = {
  progress,
  merges: true,
  startedAt: 0,
  openBySite: { KMI: 4 },
  eventsPerSecond: 85,
  secondsLeft: 12,
  log: [{ id: 1, at: 0, who: 'fabrica', block: 0, what: 'block planned', why: '\u001b[2J' }],
  note: 'Temporal does not answer.',
};

describe('the pace of a production', () => {
  it('is not told from too little', () => {
    const pace = new Pace();
    pace.add({ at: 0, made: 0, share: 0 });
    pace.add({ at: 1000, made: 100, share: 0.1 });
    expect(pace.eventsPerSecond).toBeNull();
    expect(pace.secondsLeft).toBeNull();
  });

  it('is events per second and the time left of all stages', () => {
    const pace = new Pace();
    pace.add({ at: 0, made: 0, share: 0 });
    pace.add({ at: 10_000, made: 500, share: 0.25 });
    expect(pace.eventsPerSecond).toBe(50);
    expect(pace.secondsLeft).toBeCloseTo(30);
  });

  it('forgets what is older than two minutes', () => {
    const pace = new Pace();
    for (let at = 0; at <= 600_000; at += 1000) {
      const made = Math.min(at, 300_000);
      pace.add({ at, made, share: made / 1e6 });
    }
    expect(pace.eventsPerSecond).toBe(0);
    expect(pace.secondsLeft).toBeNull();
  });

  it('is told by the minute where it is slow', () => {
    expect(rateText(85.4)).toBe('85 events/s');
    expect(rateText(0.05)).toBe('3.0 events/min');
  });
});

describe('the live display', () => {
  it('shows stages of what is wanted, rate, time left, jobs, sites, failures, log and note', () => {
    expect(liveLines(view, style)).toEqual([
      'mumu  Active  1m 00s, 85 events/s, about 12 s left',
      'the scouts are good',
      'fabricated   ███████████████░░░░░░░░░░░░░░░  50 %  1,000 of 2,000 events',
      'merged       ███████░░░░░░░░░░░░░░░░░░░░░░░  25 %    500 of 2,000 events',
      'distributed  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0 %      0 of 2,000 events',
      'jobs         20 Done, 4 Running',
      'at sites     4 KMI',
      'blocks       1 Fabricating',
      'failures     3 payload-crash (all tried again)',
      expect.stringMatching(
        /^\d\d:\d\d:\d\dZ fabrica: block planned \(block 0\): \\u001b\[2J$/,
      ) as string,
      'Temporal does not answer.',
    ]);
  });

  it('tells parked jobs, and leaves merging out where nothing is merged', () => {
    const parked = { ...progress, jobs: { Parked: 2 } };
    const lines = liveLines({ ...view, progress: parked, merges: false }, style).join('\n');
    expect(lines).toContain('3 payload-crash (2 jobs parked)');
    expect(lines).not.toContain('merged');
  });

  it('is one line where there is no terminal', () => {
    expect(liveLine(view)).toMatch(
      /^\d\d:\d\d:\d\dZ Active: fabricated 1,000\/2,000, merged 500\/2,000, distributed 0\/2,000; jobs: 20 Done, 4 Running; failures: 3 payload-crash \(all tried again\); Temporal does not answer\.$/,
    );
  });
});

describe('the last line', () => {
  it('is the state with its reason, on which a terminal does not act', () => {
    const ended = { ...progress, state: 'Cancelled' } as const;
    expect(endLine({ ...ended, reason: 'wrong\u001b[2J' })).toBe('Cancelled: wrong\\u001b[2J');
    expect(endLine({ ...ended, reason: '' })).toBe('Cancelled');
  });
});

describe('the share that is done', () => {
  it('counts each stage alike and leaves waived events out', () => {
    expect(shareDone(progress, true)).toBeCloseTo(0.25);
    expect(shareDone(progress, false)).toBeCloseTo(0.25);
    const { events } = progress;
    expect(shareDone({ ...progress, events: { ...events, wanted: 0, waived: 2200 } }, true)).toBe(
      1,
    );
  });
});
