import { describe, expect, it } from 'vitest';
import { fateOf, type Fate, type FateProfile } from '../../../grid/simulated/fate.js';

const PROFILE: FateProfile = {
  seed: 7,
  secondsPerEvent: { median: 2, spread: 0.3 },
  wallOverCpu: { median: 1.1, spread: 0.05 },
  queueSeconds: { median: 60, spread: 1 },
  memoryMB: { median: 1500, spread: 0.1 },
  hs23PerCore: 20,
  failures: { lost: 0.1, 'payload-crash': 0.2 },
};
const key = { production: 'mc', job: 1, attempt: 1, site: 'KMI' };

function fates(count: number, profile = PROFILE): Fate[] {
  return Array.from({ length: count }, (_, job) => fateOf(profile, { ...key, job }, 1000));
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

describe('the fate of an attempt', () => {
  it('is the same whenever it is asked', () => {
    expect(fateOf(PROFILE, key, 1000)).toEqual(fateOf(PROFILE, { ...key }, 1000));
  });

  it.each([{ attempt: 2 }, { site: 'UVic' }])('differs in another try: %o', (other) => {
    const first = fateOf(PROFILE, key, 1000);
    const second = fateOf(PROFILE, { ...key, ...other }, 1000);
    expect(second.queueSeconds).not.toBe(first.queueSeconds);
    // The same events need the same.
    expect(second.cpuSeconds).toBe(first.cpuSeconds);
    expect(second.memoryMB).toBe(first.memoryMB);
  });

  it('differs with the seed', () => {
    expect(fateOf({ ...PROFILE, seed: 8 }, key, 1000)).not.toEqual(fateOf(PROFILE, key, 1000));
  });

  it('fails as often as the rates say, within five standard deviations', () => {
    const count = 20_000;
    const drawn = fates(count);
    const expected = { lost: 0.1, 'payload-crash': 0.2, none: 0.7 };
    for (const [failure, rate] of Object.entries(expected)) {
      const found = drawn.filter((fate) => (fate.failure ?? 'none') === failure).length;
      const deviation = Math.sqrt(count * rate * (1 - rate));
      expect(Math.abs(found - count * rate)).toBeLessThan(5 * deviation);
    }
  });

  it('has the medians that the profile gives, on cores of its site', () => {
    const drawn = fates(20_000);
    // 1000 events of 2 s on 10 HS23 take half as long on 20 HS23.
    expect(median(drawn.map((fate) => fate.cpuSeconds)) / 1000).toBeCloseTo(1, 1);
    expect(median(drawn.map((fate) => fate.queueSeconds)) / 60).toBeCloseTo(1, 1);
    expect(median(drawn.map((fate) => fate.memoryMB)) / 1500).toBeCloseTo(1, 1);
    expect(
      Math.min(...drawn.map((fate) => fate.wallSeconds / fate.cpuSeconds)),
    ).toBeGreaterThanOrEqual(1);
  });
});
