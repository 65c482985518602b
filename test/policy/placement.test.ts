import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlacementCase, PlacementSite } from '../../policy/placement-case.js';
import { placeJobs } from '../../policy/placement.js';
import { LARGEST_BUNDLE, siteCapacity } from '../../policy/site-room.js';

const site = (name: string, more: Partial<PlacementSite> = {}): PlacementSite => ({
  name,
  slots: 10,
  open: 0,
  mine: 0,
  urgent: 0,
  closed: '',
  near: false,
  part: Infinity,
  takes: Infinity,
  failing: 0,
  speed: 10,
  ...more,
});

const given = (more: Partial<PlacementCase>): PlacementCase => ({
  jobs: [],
  backlog: 0,
  sites: [],
  urgent: false,
  owed: true,
  most: Infinity,
  jobSeconds: null,
  tail: false,
  ...more,
});

const numbered = (count: number, avoid: readonly string[] = []) =>
  Array.from({ length: count }, (_, i) => ({ job: i + 1, avoid }));

const names = ['KMI', 'PNNL', 'UVic', 'DESY'];
const cases = fc
  .record({
    avoids: fc.array(fc.subarray(names), { maxLength: 80 }),
    sites: fc.tuple(
      ...names.map((name) =>
        fc
          .record({
            slots: fc.integer({ min: 1, max: 40 }),
            others: fc.nat({ max: 30 }),
            mine: fc.nat({ max: 30 }),
            urgent: fc.nat({ max: 10 }),
            closed: fc.constantFrom('', '', '', 'Banned'),
            near: fc.boolean(),
            takes: fc.constant(Infinity),
            part: fc.oneof(fc.constant(Infinity), fc.double({ min: 0, max: 60, noNaN: true })),
            failing: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
            speed: fc.double({ min: 0, max: 50, noNaN: true }),
          })
          .map(({ others, ...rest }) => ({ name, open: others + rest.mine, ...rest })),
      ),
    ),
    urgent: fc.boolean(),
    owed: fc.boolean(),
    most: fc.constant(Infinity),
    tail: fc.boolean(),
    jobSeconds: fc.option(fc.double({ min: 0.001, max: 1e5, noNaN: true })),
  })
  .map(({ avoids, ...rest }) => ({
    ...rest,
    backlog: 0,
    jobs: avoids.map((avoid, i) => ({ job: i + 1, avoid })),
  }));

/** Jobs that may be there once these have been placed: those that are urgent have a fifth of the slots beside all others. */
function capacityOf(input: PlacementCase, one: PlacementSite): number {
  const capacity = siteCapacity(one.slots, input.jobSeconds);
  const extra = Math.ceil(one.slots / 5);
  return input.urgent ? Math.max(capacity + extra, one.open + extra - one.urgent) : capacity;
}

/** No other production wants anything of these sites. */
const alone = (sites: readonly PlacementSite[]): PlacementSite[] =>
  sites.map((one) => ({ ...one, part: Infinity, failing: 0 }));

describe('placeJobs', () => {
  it('gives a closed site nothing, and says why', () => {
    const placement = placeJobs(
      given({ jobs: numbered(5), sites: [site('KMI', { closed: 'Banned: disk' }), site('PNNL')] }),
    );
    expect(placement.bundles.map((bundle) => bundle.site)).toEqual(['PNNL']);
    expect(placement.passedOver).toEqual([{ site: 'KMI', kind: 'closed', why: 'Banned: disk' }]);
  });

  it('gives a full site nothing, and says how full it is', () => {
    const placement = placeJobs(given({ jobs: numbered(5), sites: [site('KMI', { open: 12 })] }));
    expect(placement).toEqual({
      bundles: [],
      passedOver: [{ site: 'KMI', kind: 'full', why: 'full: 12 jobs run or queue for 10 slots' }],
    });
  });

  it('fills the slots of a site and a queue of a fifth of them, and no more', () => {
    const placement = placeJobs(given({ jobs: numbered(100), sites: [site('KMI')] }));
    expect(placement.bundles[0]?.jobs).toHaveLength(12);
  });

  it('lets a site of very short jobs queue what its slots finish in five seconds', () => {
    expect(siteCapacity(10, null)).toBe(12);
    expect(siteCapacity(10, 3600)).toBe(12);
    expect(siteCapacity(10, 1)).toBe(60);
    expect(siteCapacity(10, 0)).toBe(10 + 2 * LARGEST_BUNDLE);
  });

  it('spreads few jobs over the sites, but not so thinly that their bundles cost more than they gain', () => {
    const sites = Array.from({ length: 10 }, (_, i) => site(`S${i}`, { slots: 100 }));
    const sizes = (jobSeconds: number | null): number[] =>
      placeJobs(given({ jobs: numbered(100), sites, jobSeconds })).bundles.map(
        ({ jobs }) => jobs.length,
      );
    expect(sizes(3600)).toEqual(Array.from({ length: 10 }, () => 10));
    expect(sizes(null)).toEqual(Array.from({ length: 10 }, () => 10));
    expect(sizes(1.2)).toEqual([50, 50]);
    // Never more than can start at once.
    expect(sizes(0.001)).toEqual([100]);
  });

  it('lets a production have its part of the sites and no more, but one job at least', () => {
    const jobs = numbered(100);
    const at = (mine: number, part: number) =>
      placeJobs(given({ jobs, sites: [site('KMI', { open: mine, mine, part })] }));
    expect(at(2, 6).bundles[0]?.jobs).toHaveLength(4);
    expect(at(6, 6)).toEqual({
      bundles: [],
      passedOver: [{ site: 'KMI', kind: 'share', why: 'the share of the production is used' }],
    });
    expect(at(0, 0).bundles[0]?.jobs).toEqual([1]);
    const more = { jobs, sites: [site('KMI', { part: 3.2 })] };
    expect(placeJobs(given(more)).bundles[0]?.jobs).toHaveLength(4);
    expect(placeJobs(given({ ...more, owed: false })).bundles[0]?.jobs).toHaveLength(3);
  });

  it('lets a production have more of one site while it has less of another, up to twice its part', () => {
    const jobs = numbered(100);
    const sites = [site('KMI', { part: 3 }), site('PNNL', { part: 3, open: 12 })];
    expect(placeJobs(given({ jobs, sites })).bundles[0]?.jobs).toHaveLength(6);
    const more = [site('KMI', { part: 2 }), site('PNNL', { part: 4, open: 12 })];
    expect(placeJobs(given({ jobs, sites: more })).bundles[0]?.jobs).toHaveLength(4);
    const used = [site('KMI', { part: 2, mine: 4, open: 4 }), site('PNNL', { part: 8, open: 12 })];
    expect(placeJobs(given({ jobs, sites: used })).passedOver[0]?.why).toBe(
      'its share is used: 4 of at most 4 jobs run or queue there',
    );
  });

  it('has a fifth of the slots for scouts and merges beside whatever others have at a site', () => {
    const room = (more: Partial<PlacementSite>) =>
      placeJobs(given({ jobs: numbered(20), urgent: true, sites: [site('KMI', more)] })).bundles[0]
        ?.jobs.length ?? 0;
    expect(room({})).toBe(14);
    expect(room({ open: 13 })).toBe(2);
    // Jobs of a second: others have filled a long queue.
    expect(room({ open: 60 })).toBe(2);
    expect(room({ open: 61, urgent: 1 })).toBe(1);
    expect(room({ open: 62, urgent: 2 })).toBe(0);
  });

  it('keeps to the limits of the production and of sites, scouts and merges too', () => {
    const jobs = numbered(100);
    const sites = [site('KMI', { takes: 5 }), site('PNNL', { takes: 0 }), site('UVic')];
    for (const urgent of [false, true]) {
      const sent = placeJobs(given({ jobs, sites, urgent, most: 8 }));
      const found = Object.fromEntries(sent.bundles.map((one) => [one.site, one.jobs.length]));
      expect((found.KMI ?? 0) + (found.UVic ?? 0)).toBe(8);
      expect(found.KMI ?? 0).toBeLessThanOrEqual(5);
      expect(sent.passedOver).toEqual([
        { site: 'PNNL', kind: 'rate', why: 'its limit of jobs per minute is reached' },
      ]);
      const none = placeJobs(given({ jobs, sites, urgent, most: 0 }));
      expect(none.bundles).toEqual([]);
      expect(none.passedOver.map(({ kind }) => kind)).toEqual(['limit', 'rate', 'limit']);
    }
  });

  it('lets urgent jobs exceed a full queue by a fifth of the slots', () => {
    const sites = [site('KMI', { open: 12 })];
    expect(placeJobs(given({ jobs: numbered(9), sites })).bundles).toEqual([]);
    const urgent = placeJobs(given({ jobs: numbered(9), sites, urgent: true }));
    expect(urgent.bundles).toEqual([{ site: 'KMI', jobs: [1, 2] }]);
  });

  it('spreads a small set over all sites', () => {
    const sites = names.map((name) => site(name));
    const placement = placeJobs(given({ jobs: numbered(10), sites }));
    expect(placement.bundles.map((bundle) => bundle.jobs.length).sort()).toEqual([1, 3, 3, 3]);
  });

  it('fills site after site where the production has jobs for all of them', () => {
    const sites = names.map((name) => site(name));
    const some = given({ jobs: numbered(24), backlog: 48, sites });
    expect(placeJobs(some).bundles.map((bundle) => bundle.jobs.length)).toEqual([12, 12]);
    const fewer = placeJobs({ ...some, backlog: 24 });
    expect(fewer.bundles.map((bundle) => bundle.jobs.length)).toEqual([6, 6, 6, 6]);
  });

  it('makes runs of consecutive jobs, the home storage’s sites first', () => {
    const sites = [site('KMI'), site('PNNL', { near: true }), site('UVic')];
    const placement = placeJobs(given({ jobs: numbered(30), sites }));
    expect(placement.bundles[0]).toEqual({
      site: 'PNNL',
      jobs: numbered(10).map((one) => one.job),
    });
    for (const { jobs } of placement.bundles) {
      expect(jobs).toEqual(jobs.map((_, i) => (jobs[0] ?? 0) + i));
    }
  });

  it('keeps a job waiting while the only site that it need not avoid is full', () => {
    const sites = [site('KMI'), site('PNNL', { open: 12 })];
    expect(placeJobs(given({ jobs: numbered(1, ['KMI']), sites })).bundles).toEqual([]);
  });

  it('sends a job back to a site that it avoids when no other one is open', () => {
    const sites = [site('KMI'), site('PNNL', { closed: 'Banned' })];
    expect(placeJobs(given({ jobs: numbered(1, ['KMI']), sites })).bundles).toEqual([
      { site: 'KMI', jobs: [1] },
    ]);
  });

  it('is told nothing to place by no jobs and by no sites', () => {
    expect(placeJobs(given({ sites: [site('KMI')] })).bundles).toEqual([]);
    expect(placeJobs(given({ jobs: numbered(3) })).bundles).toEqual([]);
  });

  it('holds its rules for any sites and jobs', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const { bundles } = placeJobs(input);
        const placed = bundles.flatMap((bundle) => bundle.jobs);
        expect(new Set(placed).size).toBe(placed.length);
        expect(new Set(bundles.map((bundle) => bundle.site)).size).toBe(bundles.length);
        const open = input.sites.filter((one) => one.closed === '');
        const total = (of: (one: PlacementSite) => number): number =>
          open.reduce((sum, one) => sum + of(one), 0);
        const exact = total((one) => one.part);
        const parts = input.owed ? Math.max(1, Math.ceil(exact)) : Math.floor(exact);
        if (!input.urgent && placed.length > 0 && parts < total((one) => capacityOf(input, one))) {
          expect(total((one) => one.mine) + placed.length).toBeLessThanOrEqual(parts);
        }
        for (const bundle of bundles) {
          const there = open.find((one) => one.name === bundle.site);
          if (there === undefined) throw new Error(`${bundle.site} is closed`);
          const capacity = capacityOf(input, there);
          expect(bundle.jobs.length).toBeGreaterThan(0);
          expect(bundle.jobs.length).toBeLessThanOrEqual(LARGEST_BUNDLE);
          expect(there.open + bundle.jobs.length).toBeLessThanOrEqual(capacity);
          if (!input.urgent) {
            expect(there.mine + bundle.jobs.length).toBeLessThanOrEqual(
              // Or two bundles, each of half its queue at most, of jobs that are short.
              Math.max(
                1,
                Math.ceil(2 * there.part),
                input.jobSeconds === null ? 0 : capacity - there.slots,
              ),
            );
          }
          expect(bundle.jobs).toEqual([...bundle.jobs].sort((a, b) => a - b));
          for (const number of bundle.jobs) {
            const avoid = input.jobs[number - 1]?.avoid ?? [];
            if (avoid.includes(bundle.site)) {
              expect(open.every((one) => avoid.includes(one.name))).toBe(true);
            }
          }
        }
      }),
    );
  });

  it('gives a small part of many sites in a few bundles where jobs are short', () => {
    const sizes = (jobSeconds: number, part: number): number[] =>
      placeJobs(
        given({
          jobs: numbered(500),
          backlog: Infinity,
          jobSeconds,
          sites: Array.from({ length: 50 }, (_, i) => site(`S${i}`, { slots: 40, open: 20, part })),
        }),
      ).bundles.map(({ jobs }) => jobs.length);
    // Of 2,000 slots, 50 jobs: where jobs take hours each site gets its part.
    expect(sizes(7200, 1)).toEqual(Array.from({ length: 25 }, () => 2));
    // 100 starts in a second: ten in a bundle, which a site takes once half of its queue is free for it.
    expect(sizes(20, 1)).toEqual([10, 10, 10, 10, 10]);
    expect(sizes(20, 0.2)).toEqual([10]);
  });

  it('refills a queue when half of it is free', () => {
    const jobs = numbered(100);
    const at = (open: number): PlacementSite => site('KMI', { slots: 100, open, mine: open });
    expect(placeJobs(given({ jobs, sites: [at(111)] }))).toEqual({
      bundles: [],
      passedOver: [
        {
          site: 'KMI',
          kind: 'full',
          why: 'full: 111 jobs run or queue for 100 slots, its queue is more than half full',
        },
      ],
    });
    expect(placeJobs(given({ jobs, sites: [at(110)] })).bundles[0]?.jobs).toHaveLength(10);
    expect(
      placeJobs(given({ jobs, sites: [at(119)], urgent: true })).bundles[0]?.jobs,
    ).toHaveLength(21);
  });

  it('leaves no job waiting while a slot is free that is the production’s', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const jobs = numbered(4 * LARGEST_BUNDLE);
        const { bundles } = placeJobs({ ...input, jobs, sites: alone(input.sites) });
        for (const one of input.sites) {
          if (one.closed !== '' || one.open >= one.slots) continue;
          expect(bundles.map((bundle) => bundle.site)).toContain(one.name);
        }
      }),
    );
  });

  it('leaves no job waiting that a site with enough room could take', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const jobs = input.jobs.map(({ job }) => ({ job, avoid: [] }));
        const { bundles } = placeJobs({ ...input, tail: false, jobs, sites: alone(input.sites) });
        const room = input.sites
          .filter((one) => one.closed === '')
          .map((one) => {
            const capacity = capacityOf(input, one);
            const found = Math.min(capacity - one.open, LARGEST_BUNDLE);
            const queue = Math.min(
              siteCapacity(one.slots, input.jobSeconds) - one.slots,
              LARGEST_BUNDLE,
            );
            const least = input.urgent ? 1 : Math.max(1, Math.floor(queue / 2));
            return found >= least ? found : 0;
          })
          .reduce((sum, one) => sum + one, 0);
        const placed = bundles.reduce((sum, bundle) => sum + bundle.jobs.length, 0);
        expect(placed).toBe(Math.min(room, jobs.length));
      }),
    );
  });
});

const countsOf = (input: PlacementCase): Record<string, number> =>
  Object.fromEntries(placeJobs(input).bundles.map(({ site: name, jobs }) => [name, jobs.length]));

describe('sites where the production fails', () => {
  it('get less in proportion, and later', () => {
    const sites = [site('KMI', { failing: 0.5, slots: 100 }), site('PNNL', { slots: 100 })];
    const few = countsOf(given({ jobs: numbered(90), sites }));
    expect(few).toEqual({ KMI: 30, PNNL: 60 });
    const many = placeJobs(given({ jobs: numbered(500), sites }));
    expect(many.bundles.map(({ jobs, site: name }) => [name, jobs.length])).toEqual([
      ['PNNL', 120],
      ['KMI', 60],
    ]);
  });

  it('come after those far from the home storage if more than a fifth fails there, else before', () => {
    const first = (failing: number): string | undefined =>
      placeJobs(
        given({ jobs: numbered(50), sites: [site('KMI', { near: true, failing }), site('PNNL')] }),
      ).bundles[0]?.site;
    expect(first(0.1)).toBe('KMI');
    expect(first(0.4)).toBe('PNNL');
  });

  it('tell why they get no more', () => {
    const bad = site('KMI', { slots: 100, open: 60, mine: 60, failing: 0.5 });
    const placement = placeJobs(
      given({ jobs: numbered(10), sites: [bad, site('PNNL', { open: 12 })] }),
    );
    expect(placement.passedOver[0]).toEqual({
      site: 'KMI',
      kind: 'failures',
      why: 'many fail there: 60 of at most 60 jobs run or queue there',
    });
  });

  it('are never left out by that alone', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const sites = input.sites.map((one) => ({ ...one, part: Infinity, open: 0, mine: 0 }));
        const jobs = numbered(4 * LARGEST_BUNDLE);
        const { bundles } = placeJobs({ ...input, sites, jobs });
        const open = sites.filter(({ closed }) => closed === '').map(({ name }) => name);
        expect(bundles.map((bundle) => bundle.site).sort()).toEqual(open.sort());
      }),
    );
  });

  it('get bundles as large as before, as long as there is more work than room', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const jobs = numbered(4 * LARGEST_BUNDLE);
        const work = { ...input, tail: false, urgent: false, jobs, backlog: Infinity };
        const worse = placeJobs(work);
        const before = placeJobs({
          ...work,
          sites: input.sites.map((one) => ({ ...one, failing: 0, speed: 10 })),
        });
        const least = Math.min(...before.bundles.map((bundle) => bundle.jobs.length), Infinity);
        // The last one may be what is left of the budget.
        for (const { jobs: sent, site: name } of worse.bundles.slice(0, -1)) {
          const same = before.bundles.find((bundle) => bundle.site === name);
          const queue =
            siteCapacity(siteOf(input, name).slots, input.jobSeconds) - siteOf(input, name).slots;
          expect(sent.length).toBeGreaterThanOrEqual(
            Math.min(least, same?.jobs.length ?? Infinity, Math.max(1, Math.floor(queue / 2))),
          );
        }
      }),
    );
  });
});

function siteOf({ sites }: PlacementCase, name: string): PlacementSite {
  const found = sites.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no site ${name}`);
  return found;
}

describe('fast sites', () => {
  it('get more of a production that could not fill the room', () => {
    const sites = [site('KMI', { slots: 100, speed: 20 }), site('PNNL', { slots: 100 })];
    expect(countsOf(given({ jobs: numbered(90), sites }))).toEqual({ KMI: 60, PNNL: 30 });
  });

  it('get no more of one that can', () => {
    const sites = [site('KMI', { slots: 100, speed: 20 }), site('PNNL', { slots: 100 })];
    expect(countsOf(given({ jobs: numbered(120), backlog: 240, sites }))).toEqual({ KMI: 120 });
  });
});

describe('the last jobs of a block', () => {
  const grid = [
    site('KMI', { slots: 100, speed: 10 }),
    site('PNNL', { slots: 100, speed: 20 }),
    site('UVic', { slots: 100, speed: 30, failing: 0.6 }),
    site('DESY', { slots: 100, speed: 30, open: 100 }),
    site('CNAF', { slots: 100, speed: 15 }),
    site('KEK', { slots: 100, speed: 12 }),
    site('GRAZ', { slots: 100, speed: 5 }),
  ];

  it('go to the fastest sites that are good and have free slots, to several at once', () => {
    const placement = placeJobs(given({ jobs: numbered(20), sites: grid, tail: true }));
    expect(placement.bundles).toEqual([
      { site: 'PNNL', jobs: [1, 2, 3, 4, 5] },
      { site: 'CNAF', jobs: [6, 7, 8, 9, 10] },
      { site: 'KEK', jobs: [11, 12, 13, 14, 15] },
      { site: 'KMI', jobs: [16, 17, 18, 19, 20] },
    ]);
  });

  it('take single free slots, and a queue only where none is free', () => {
    const sites = [
      site('KMI', { slots: 100, open: 99, mine: 99 }),
      site('PNNL', { slots: 100, open: 100, speed: 50 }),
    ];
    const placed = placeJobs(given({ jobs: numbered(3), sites, tail: true }));
    expect(placed.bundles[0]).toEqual({ site: 'KMI', jobs: [1] });
    expect(placed.bundles[1]).toEqual({ site: 'PNNL', jobs: [2, 3] });
  });

  it('start at once as long as there are free slots for all of them', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 40 }), (input, count) => {
        const sites = alone(input.sites);
        const free = sites
          .filter(({ closed }) => closed === '')
          .reduce((sum, one) => sum + Math.max(0, one.slots - one.open), 0);
        const jobs = numbered(Math.min(count, free));
        const { bundles } = placeJobs({ ...input, urgent: false, tail: true, sites, jobs });
        expect(bundles.flatMap((bundle) => bundle.jobs)).toHaveLength(jobs.length);
        for (const bundle of bundles) {
          const { open, slots } = siteOf({ ...input, sites }, bundle.site);
          expect(open + bundle.jobs.length).toBeLessThanOrEqual(slots);
        }
      }),
    );
  });
});

it('equal sites get equal parts, and the same case has the same answer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 400 }),
      fc.boolean(),
      (many, count, tail) => {
        const sites = Array.from({ length: many }, (_, i) => site(`S${i}`, { slots: 50 }));
        const input = given({ jobs: numbered(count), sites, tail: tail && count < 100 });
        const sent = placeJobs(input);
        expect(placeJobs(input)).toEqual(sent);
        const sizes = sent.bundles.map(({ jobs }) => jobs.length);
        expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(Math.min(count, 60 * many));
        const even = Math.ceil(count / many);
        if (!input.tail) {
          expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.min(60, even));
        }
      },
    ),
  );
});
