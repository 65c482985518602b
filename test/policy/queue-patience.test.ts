import { describe, expect, it } from 'vitest';
import { queuePatience, untilNextLook, withdrawalsOf } from '../../policy/queue-patience.js';

const job = { slots: 100, jobSeconds: 3600, withdrawals: 0 };

describe('queuePatience', () => {
  it('is four times what slots and queue need to let a job start, an hour at least', () => {
    expect(queuePatience(job)).toBe(4 * 1.2 * 3600);
    expect(queuePatience({ ...job, jobSeconds: 10 })).toBe(3600);
    expect(queuePatience({ ...job, jobSeconds: null })).toBe(3600);
  });

  it('doubles with each withdrawal, up to sixteen times: no job goes round for ever', () => {
    const at = (withdrawals: number): number =>
      queuePatience({ ...job, jobSeconds: 10, withdrawals }) / 3600;
    expect([0, 1, 2, 3, 4, 5, 99].map(at)).toEqual([1, 2, 4, 8, 16, 16, 16]);
  });
});

it('a week of waiting costs some twenty looks', () => {
  let waited = 3600;
  let looks = 0;
  for (; waited < 7 * 86_400; looks++) waited += untilNextLook(waited);
  expect(looks).toBeLessThan(25);
});

it('attempts that have not failed were withdrawn', () => {
  expect(withdrawalsOf({ attempt: 1, charged: 0, uncharged: 0 })).toBe(0);
  expect(withdrawalsOf({ attempt: 4, charged: 1, uncharged: 1 })).toBe(1);
  expect(withdrawalsOf({ attempt: 2, charged: 3, uncharged: 0 })).toBe(0);
});
