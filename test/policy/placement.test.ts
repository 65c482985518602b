import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  LARGEST_BUNDLE,
  placeJobs,
  siteCapacity,
  type PlacementCase,
  type PlacementSite,
} from '../../policy/placement.js';

const site = (name: string, more: Partial<PlacementSite> = {}): PlacementSite => ({
  name,
  slots: 10,
  open: 0,
  mine: 0,
  closed: '',
  near: false,
  ...more,
});

const given = (more: Partial<PlacementCase>): PlacementCase => ({
  jobs: [],
  backlog: 0,
  sites: [],
  share: 1,
  urgent: false,
  jobSeconds: null,
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
            closed: fc.constantFrom('', '', '', 'Banned'),
            near: fc.boolean(),
          })
          .map(({ others, ...rest }) => ({ name, open: others + rest.mine, ...rest })),
      ),
    ),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    urgent: fc.boolean(),
    jobSeconds: fc.option(fc.double({ min: 0.001, max: 1e5, noNaN: true })),
  })
  .map(({ avoids, ...rest }) => ({
    ...rest,
    backlog: 0,
    jobs: avoids.map((avoid, i) => ({ job: i + 1, avoid })),
  }));

const capacityOf = (input: PlacementCase, one: PlacementSite): number =>
  siteCapacity(one.slots, input.jobSeconds) + (input.urgent ? Math.ceil(one.slots / 5) : 0);

describe('placeJobs', () => {
  it('gives a closed site nothing, and says why', () => {
    const placement = placeJobs(
      given({ jobs: numbered(5), sites: [site('KMI', { closed: 'Banned: disk' }), site('PNNL')] }),
    );
    expect(placement.bundles.map((bundle) => bundle.site)).toEqual(['PNNL']);
    expect(placement.passedOver).toEqual([{ site: 'KMI', why: 'Banned: disk' }]);
  });

  it('gives a full site nothing, and says how full it is', () => {
    const placement = placeJobs(given({ jobs: numbered(5), sites: [site('KMI', { open: 12 })] }));
    expect(placement).toEqual({
      bundles: [],
      passedOver: [{ site: 'KMI', why: 'full: 12 jobs for 10 slots' }],
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

  it('lets a production have its share of a site and no more, but one job at least', () => {
    const jobs = numbered(100);
    const half = placeJobs(given({ jobs, sites: [site('KMI', { open: 2, mine: 2 })], share: 0.5 }));
    expect(half.bundles[0]?.jobs).toHaveLength(4);
    const used = placeJobs(given({ jobs, sites: [site('KMI', { open: 6, mine: 6 })], share: 0.5 }));
    expect(used.passedOver[0]?.why).toBe('its share is used: 6 jobs of 50 %');
    const least = placeJobs(given({ jobs, sites: [site('KMI')], share: 0 }));
    expect(least.bundles[0]?.jobs).toEqual([1]);
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
        for (const bundle of bundles) {
          const there = open.find((one) => one.name === bundle.site);
          if (there === undefined) throw new Error(`${bundle.site} is closed`);
          const capacity = capacityOf(input, there);
          expect(bundle.jobs.length).toBeGreaterThan(0);
          expect(bundle.jobs.length).toBeLessThanOrEqual(LARGEST_BUNDLE);
          expect(there.open + bundle.jobs.length).toBeLessThanOrEqual(capacity);
          expect(there.mine + bundle.jobs.length).toBeLessThanOrEqual(
            Math.max(1, Math.ceil(capacity * input.share)),
          );
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

  it('refills a queue when half of it is free', () => {
    const jobs = numbered(100);
    const at = (open: number): PlacementSite => site('KMI', { slots: 100, open, mine: open });
    expect(placeJobs(given({ jobs, sites: [at(111)] }))).toEqual({
      bundles: [],
      passedOver: [
        { site: 'KMI', why: 'full: 111 jobs for 100 slots, its queue is more than half full' },
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
        const { bundles } = placeJobs({ ...input, jobs, share: 1 });
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
        const { bundles } = placeJobs({ ...input, jobs });
        const room = input.sites
          .filter((one) => one.closed === '')
          .map((one) => {
            const capacity = capacityOf(input, one);
            const share = Math.max(1, Math.ceil(capacity * input.share)) - one.mine;
            const found = Math.min(capacity - one.open, share, LARGEST_BUNDLE);
            const queue = Math.min(
              siteCapacity(one.slots, input.jobSeconds) - one.slots,
              LARGEST_BUNDLE,
            );
            const least = input.urgent ? 1 : Math.max(1, Math.floor((queue * input.share) / 2));
            return found >= least ? found : 0;
          })
          .reduce((sum, one) => sum + one, 0);
        const placed = bundles.reduce((sum, bundle) => sum + bundle.jobs.length, 0);
        expect(placed).toBe(Math.min(room, jobs.length));
      }),
    );
  });
});
