import { describe, expect, it } from 'vitest';
import { mostAtSites, roomThisMinute, throttled } from '../../policy/throttle.js';

describe('throttled', () => {
  it('lets everything go without limits', () => {
    expect(throttled({}, { open: 1e6, sent: 1e6 })).toEqual({ jobs: Infinity, why: '' });
  });

  it('keeps to the jobs at sites, also when a smaller limit finds more of them there', () => {
    expect(throttled({ maxRunningJobs: 100 }, { open: 60, sent: 0 }).jobs).toBe(40);
    expect(throttled({ maxRunningJobs: 100 }, { open: 130, sent: 0 })).toEqual({
      jobs: 0,
      why: 'throttle.maxRunningJobs: 130 jobs are at sites',
    });
  });

  it('keeps to the jobs per minute, the narrower limit counts', () => {
    const throttle = { maxRunningJobs: 100, maxJobsPerMinute: 60 };
    expect(throttled(throttle, { open: 0, sent: 30 }).jobs).toBe(30);
    expect(throttled(throttle, { open: 90, sent: 30 }).jobs).toBe(10);
    expect(throttled(throttle, { open: 0, sent: 60 }).why).toBe(
      'throttle.maxJobsPerMinute: 60 jobs went in the last minute',
    );
  });
});

describe('roomThisMinute', () => {
  it('waits for a tenth of the limit', () => {
    expect(roomThisMinute(100, 91)).toBe(0);
    expect(roomThisMinute(100, 90)).toBe(10);
    expect(roomThisMinute(1, 0)).toBe(1);
  });
});

describe('mostAtSites', () => {
  it('is what a limit per minute fills sites with', () => {
    expect(mostAtSites({ maxJobsPerMinute: 10 }, 600)).toBe(100);
    expect(mostAtSites({ maxJobsPerMinute: 10 }, 1)).toBe(10);
    expect(mostAtSites({ maxJobsPerMinute: 10, maxRunningJobs: 50 }, 600)).toBe(50);
    expect(mostAtSites({}, null)).toBe(Infinity);
  });
});
