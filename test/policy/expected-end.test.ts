import { describe, expect, it } from 'vitest';
import { expectedEnd, secondsLeft } from '../../policy/expected-end.js';

describe('the expected end', () => {
  const work = { eventsLeft: 1000, eventsMade: 500, attemptsDone: 60, lately: 30, seconds: 600 };

  it('follows from the good attempts of the last hour', () => {
    // 500 events took 60 attempts; 30 in ten minutes are 250 events in 600 s.
    expect(secondsLeft(work)).toBeCloseTo(2400);
  });

  it.each([
    { eventsLeft: 0 },
    { eventsMade: 0 },
    { lately: 9 },
    { seconds: 0 },
    { attemptsDone: 0 },
  ])('is not known with %o', (change) => {
    expect(secondsLeft({ ...work, ...change })).toBeNull();
    expect(expectedEnd({ ...work, ...change }, 0)).toBeNull();
  });

  it('is a time from now on, and none where no date is so late', () => {
    expect(expectedEnd(work, 1000)).toBe(2_401_000);
    const eternal = { ...work, eventsLeft: 1e15, seconds: 1e6 };
    expect(secondsLeft(eternal)).toBeGreaterThan(8.64e12);
    expect(expectedEnd(eternal, 1000)).toBeNull();
  });
});
