import { describe, expect, it } from 'vitest';
import { isReportDue, reportPatience, type WatchedBundle } from '../../policy/report-time.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** A bundle of a hundred jobs after an hour, of which nothing is to be told. */
const bundle = (more: Partial<WatchedBundle>): WatchedBundle => ({
  ...{ since: 0, now: HOUR, jobs: 100, ended: 0, failed: 0, firstEnd: null, firstStart: null },
  ...more,
});

describe('a report on a bundle', () => {
  it('waits for nothing once all have ended', () => {
    expect(isReportDue(bundle({ ended: 100, firstEnd: HOUR }))).toBe(true);
    expect(isReportDue(bundle({ jobs: 0 }))).toBe(true);
    expect(isReportDue(bundle({}))).toBe(false);
  });

  it('gathers ends for a thirtieth of the time that the bundle is at its site, a minute at most', () => {
    const patience = (now: number): number => reportPatience({ now, since: 0 });
    expect([0, 45 * SECOND, 300 * SECOND, HOUR, 20 * HOUR].map(patience)).toEqual(
      [1.5, 1.5, 10, 60, 60].map((seconds) => seconds * SECOND),
    );
    const after = (seconds: number): boolean =>
      isReportDue(bundle({ ended: 3, firstEnd: HOUR - seconds * SECOND }));
    expect(after(59)).toBe(false);
    expect(after(60)).toBe(true);
  });

  it('tells of failures sooner, of many at once', () => {
    const after = (seconds: number, failed: number): boolean =>
      isReportDue(bundle({ ended: 10, failed, firstEnd: HOUR - seconds * SECOND }));
    expect([after(2, 1), after(3, 1)]).toEqual([false, true]);
    expect([after(0.5, 5), after(1, 5)]).toEqual([false, true]);
  });

  it('gathers starts as well, and tells of them with ends', () => {
    const firstStart = HOUR - 60 * SECOND;
    expect(isReportDue(bundle({ firstStart }))).toBe(true);
    expect(isReportDue(bundle({ firstStart: HOUR - 59 * SECOND }))).toBe(false);
    expect(isReportDue(bundle({ firstStart, ended: 1, firstEnd: HOUR }))).toBe(false);
  });

  it('comes a bounded number of times however the jobs end', () => {
    let reports = 0;
    let firstEnd: number | null = null;
    // A thousand jobs that end one after the other in four hours.
    for (let now = 0, ended = 0; now <= 4 * HOUR; now += 14.4 * SECOND) {
      ended++;
      firstEnd ??= now;
      if (!isReportDue(bundle({ now, jobs: 2000, ended, firstEnd }))) continue;
      reports++;
      firstEnd = null;
    }
    expect(reports).toBeLessThan(4 * 60);
    expect(reports).toBeGreaterThan(100);
  });
});
