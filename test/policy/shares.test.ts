import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeJobs } from '../../policy/placement.js';
import { siteCapacity } from '../../policy/site-room.js';
import { StartBalance } from '../../policy/start-balance.js';
import { shareGrid, type Claim, type GroupShares } from '../../policy/shares.js';

const claim = (production: number, more: Partial<Claim> = {}): Claim => ({
  production,
  group: 'production',
  priority: 5,
  jobSeconds: 3600,
  jobs: Infinity,
  sites: [],
  correction: 1,
  ...more,
});

const sites = [
  { name: 'KMI', slots: 100 },
  { name: 'PNNL', slots: 50 },
  { name: 'UVic', slots: 10 },
];

function partsOf(claims: readonly Claim[], groups: GroupShares = {}): number[] {
  const { parts } = shareGrid(claims, sites, groups);
  return claims.map(({ production }) =>
    [...(parts.get(production)?.values() ?? [])].reduce((sum, one) => sum + one, 0),
  );
}

/** Jobs that fit at the three sites. */
const ROOM = 120 + 60 + 12;

/** A queue of a site, first in, first out; the ends of jobs are told after `delay` (s). */
class Site {
  readonly #free: number[];
  readonly open: { readonly production: number; readonly ends: number }[] = [];

  constructor(
    readonly name: string,
    readonly slots: number,
  ) {
    this.#free = Array.from({ length: slots }, () => 0);
  }

  submit({ production, jobSeconds }: Claim, jobs: number, now: number): void {
    for (let job = 0; job < jobs; job++) {
      this.#free.sort((a, b) => a - b);
      const ends = Math.max(now, this.#free[0] ?? 0) + (jobSeconds ?? 1);
      this.#free[0] = ends;
      this.open.push({ production, ends });
    }
  }

  /** Forgets what has ended. */
  settle(now: number): void {
    const left = this.open.filter(({ ends }) => ends > now);
    this.open.splice(0, Infinity, ...left);
  }
}

const waiting = Array.from({ length: 500 }, (_, job) => ({ job, avoid: [] }));

/** Starts of jobs by production, when all are placed turn about from `from` to `to` (s). */
function starts(claims: readonly Claim[], { from = 0, to }: { from?: number; to: number }) {
  const grid = sites.map(({ name, slots }) => new Site(name, slots));
  const started = new Map(claims.map(({ production }) => [production, 0]));
  const balance = new StartBalance();
  for (let now = 0; now < to; now++) {
    for (const site of grid) site.settle(now);
    const corrected = claims.map((one) => ({
      ...one,
      correction: balance.correction(one.production),
    }));
    const shares = shareGrid(corrected, sites, {});
    const { jobSeconds, parts } = shares;
    for (let i = 0; i < claims.length; i++) {
      const one = claims[(i + now) % claims.length] ?? claim(0);
      const { bundles } = placeJobs({
        jobs: waiting,
        backlog: Infinity,
        sites: grid.map(({ name, slots, open }) => ({
          ...{ name, slots, open: open.length, closed: '', near: false },
          ...{ failing: 0, speed: 10, urgent: 0 },
          mine: open.filter(({ production }) => production === one.production).length,
          takes: Infinity,
          part: parts.get(one.production)?.get(name) ?? 0,
        })),
        urgent: false,
        tail: false,
        most: Infinity,
        owed: balance.correction(one.production) >= 1,
        jobSeconds,
      });
      for (const { site, jobs } of bundles) {
        const there = grid.find(({ name }) => name === site);
        balance.started(one.production, jobs.length, shares, now * 1000);
        there?.submit(one, jobs.length, now);
        if (now >= from) {
          started.set(one.production, (started.get(one.production) ?? 0) + jobs.length);
        }
      }
    }
  }
  return claims.map(({ production }) => started.get(production) ?? 0);
}

describe('shareGrid', () => {
  it('gives a production that is alone everything', () => {
    expect(partsOf([claim(1, { priority: 1 })])).toEqual([ROOM]);
  });

  it('divides by priority', () => {
    const [low = 0, high = 0] = partsOf([claim(1, { priority: 3 }), claim(2, { priority: 6 })]);
    expect(low + high).toBeCloseTo(ROOM);
    expect(high / low).toBeCloseTo(2);
  });

  it('counts of a site with a limit per minute only what that lets be there', () => {
    const grid = [
      { name: 'KMI', slots: 40 },
      { name: 'UVic', slots: 40, jobsPerMinute: 120 },
    ];
    const all = [claim(1, { group: 'mc' }), claim(2, { group: 'skims' }), claim(3)].map((one) => ({
      ...one,
      jobSeconds: 4,
    }));
    const { parts } = shareGrid(all, grid, { mc: 3, skims: 1 });
    // Two start there in a second, and each is there for its 4 s and for 5 s of queue.
    const ofUvic = all.map(({ production }) => parts.get(production)?.get('UVic') ?? 0);
    expect(ofUvic.map((part) => Math.round(10 * part) / 10)).toEqual([10.8, 3.6, 3.6]);
    const ofKmi = all.map(({ production }) => parts.get(production)?.get('KMI') ?? 0);
    expect((ofKmi[0] ?? 0) / (ofKmi[1] ?? 1)).toBeCloseTo(3);
    // Hours: the slots are the limit.
    const slow = shareGrid([claim(1), claim(2)], grid, {});
    expect([...slow.parts.values()].map((one) => one.get('UVic'))).toEqual([24, 24]);
  });

  it('gives what one can not use to the others', () => {
    const parts = partsOf([claim(1, { jobs: 19.2 }), claim(2), claim(3)]);
    expect(parts[0]).toBeCloseTo(19.2);
    expect(parts[1]).toBeCloseTo((ROOM - 19.2) / 2);
  });

  it('lets everyone have all the room while there is enough for all', () => {
    expect(partsOf([claim(1, { jobs: 20 }), claim(2, { jobs: 30 })])).toEqual([ROOM, ROOM]);
  });

  it('divides a site between those that may use it', () => {
    const { parts } = shareGrid([claim(1, { sites: ['KMI'] }), claim(2)], sites, {});
    expect(parts.get(1)?.get('KMI')).toBeCloseTo(60);
    expect(parts.get(1)?.has('PNNL')).toBe(false);
    expect(parts.get(2)?.get('PNNL')).toBeCloseTo(60);
  });

  it('divides between groups first, and the groups that are not named are one', () => {
    const claims = [
      claim(1, { group: 'mc' }),
      claim(2, { group: 'mc', priority: 10 }),
      claim(3, { group: 'skims', priority: 1 }),
      claim(4, { group: 'ann', priority: 2 }),
      claim(5, { group: 'bob', priority: 2 }),
    ];
    const parts = partsOf(claims, { mc: 6, skims: 1 });
    const unit = ROOM / 8;
    [2 * unit, 4 * unit, unit, unit / 2, unit / 2].forEach((part, i) => {
      expect(parts[i]).toBeCloseTo(part);
    });
  });

  it('never gives more than there is while it is contested, and leaves nothing that someone wants', () => {
    const claims = fc.array(
      fc.record({
        group: fc.constantFrom('mc', 'skims', 'ann'),
        priority: fc.integer({ min: 1, max: 10 }),
        jobSeconds: fc.option(fc.double({ min: 0.1, max: 1e5, noNaN: true })),
        jobs: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 500 })),
        sites: fc.subarray(sites.map(({ name }) => name)),
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(claims, (some) => {
        const all = some.map((one, production) => claim(production, one));
        const { parts, jobSeconds } = shareGrid(all, sites, { mc: 3 });
        for (const { name, slots } of sites) {
          const capacity = siteCapacity(slots, jobSeconds);
          const here = all.flatMap(({ production }) => parts.get(production)?.get(name) ?? []);
          if (here.every((part) => part === capacity)) continue;
          const sum = here.reduce((total, part) => total + part, 0);
          expect(sum).toBeGreaterThan(capacity * 0.999);
          expect(sum).toBeLessThan(capacity * 1.001);
        }
      }),
    );
  });

  it.each([
    { name: 'equal jobs', seconds: [60, 60] },
    { name: 'jobs ten times as long', seconds: [30, 300] },
    { name: 'jobs a tenth as long', seconds: [300, 30] },
  ])('starts twice as many jobs at twice the priority: $name', ({ seconds }) => {
    const claims = seconds.map((jobSeconds, i) => claim(i, { jobSeconds, priority: 3 * (i + 1) }));
    const [low = 0, high = 0] = starts(claims, { from: 1200, to: 4800 });
    expect(low).toBeGreaterThan(500);
    expect(high / low).toBeGreaterThan(1.8);
    expect(high / low).toBeLessThan(2.2);
  });

  it('gives fifty productions starts by their priorities', () => {
    const claims = Array.from({ length: 50 }, (_, i) =>
      claim(i, { jobSeconds: 60, priority: (i % 10) + 1 }),
    );
    const found = starts(claims, { from: 300, to: 2100 });
    const all = found.reduce((sum, one) => sum + one, 0);
    for (let priority = 1; priority <= 10; priority++) {
      const share =
        found.filter((_, i) => (i % 10) + 1 === priority).reduce((a, b) => a + b, 0) / all;
      expect(share / (priority / 55), `priority ${priority}`).toBeGreaterThan(0.9);
      expect(share / (priority / 55), `priority ${priority}`).toBeLessThan(1.1);
    }
  });
});
