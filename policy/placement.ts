import type { PlacementCase, PlacementJob, PlacementSite } from './placement-case.js';
import { siteRooms, WORTHWHILE_SECONDS, type PassedOver } from './site-room.js';
import { siteWeights } from './site-weight.js';

export interface Placement {
  readonly bundles: readonly { readonly site: string; readonly jobs: readonly number[] }[];
  /** What each site could not take, and why; for `fabrica explain`. */
  readonly passedOver: readonly PassedOver[];
}

/** Jobs that may still be given to each site. */
type Quotas = Map<string, number>;

/**
 * Which jobs go where now. Never to a closed or full site, and not before half of the site's queue is free; at all sites together not more than the
 * production's parts of them. A production that could not fill the room is spread over the sites in proportion to it and to their speeds; of a larger one,
 * these jobs fill site after site, since others will fill the rest. Sites near the home storage come first, those where much fails of late last, and
 * with less. The last jobs of a block go to the fastest good sites with free slots, to several at once. Jobs go in runs of consecutive numbers, and to a
 * site near their input files as long as one has room. A job avoids the sites that it failed at as long as another open site exists at all.
 */
export function placeJobs(input: PlacementCase): Placement {
  const { budget, passedOver, rooms } = siteRooms(input);
  const openSites = input.sites.filter((site) => site.closed === '');
  const total = [...rooms.values()].reduce((sum, room) => sum + room, 0);
  if (total === 0 || input.jobs.length === 0) return { bundles: [], passedOver };

  const sites = input.sites.filter(({ name }) => rooms.has(name));
  const { order, quotas } = input.tail ? tailPlan(input, sites, rooms) : plan(input, sites, rooms);
  let left = budget;
  const placed = new Map<string, number[]>();
  const give = (job: number, site: string): void => {
    const jobs = placed.get(site);
    if (jobs === undefined) placed.set(site, [job]);
    else jobs.push(job);
    for (const quota of quotas) quota.set(site, (quota.get(site) ?? 0) - 1);
  };
  const firstOf = (names: readonly string[]): string | undefined => {
    for (const quota of quotas) {
      const site = names.find((name) => (quota.get(name) ?? 0) > 0);
      if (site !== undefined) return site;
    }
    return undefined;
  };
  for (const { job, avoid, prefers = [] } of input.jobs) {
    const nowhereElse = openSites.every((site) => avoid.includes(site.name));
    const allowed = order.filter((name) => nowhereElse || !avoid.includes(name));
    const preferred = prefers.length === 0 ? [] : allowed.filter((name) => prefers.includes(name));
    const site = firstOf(preferred) ?? firstOf(allowed);
    if (site === undefined) continue;
    if (left-- <= 0) break;
    give(job, site);
  }
  return {
    bundles: [...placed].map(([site, jobs]) => ({ site, jobs })),
    passedOver,
  };
}

/** The sites in the order in which they get jobs, and how many at most: by the first of these, then by the next. */
interface Plan {
  readonly order: readonly string[];
  readonly quotas: readonly Quotas[];
}

/** A site that is far from the home storage is as good as a near one at which a fifth more fails. */
const FAR = 0.8;

function plan(
  input: PlacementCase,
  sites: readonly PlacementSite[],
  rooms: ReadonlyMap<string, number>,
): Plan {
  const weights = siteWeights(input.sites);
  const room = ({ name }: PlacementSite): number => rooms.get(name) ?? 0;
  const weight = ({ name }: PlacementSite): number => weights.get(name) ?? 1;
  const merit = (site: PlacementSite): number => weight(site) * (site.near ? 1 : FAR);
  const avoided = avoidedSites(input.jobs);
  const order = [...sites].sort(
    (a, b) =>
      Number(avoided.has(a.name)) - Number(avoided.has(b.name)) ||
      // Tenths of tenths: what is equal must not differ by a rounding.
      Math.round(100 * merit(b)) - Math.round(100 * merit(a)) ||
      Number(b.near) - Number(a.near) ||
      room(b) - room(a),
  );
  const wanted = Math.max(input.backlog, input.jobs.length);
  const sum = (of: (site: PlacementSite) => number): number =>
    sites.reduce((total, site) => total + of(site), 0);
  const speed = relativeSpeed(sites);
  const value = (site: PlacementSite): number => room(site) * speed(site);
  const fill = wanted / sum(value);
  // Where jobs are spread, those that a site gets take as long together, as long as each has a slot.
  const worthwhile = (site: PlacementSite): number =>
    Math.min(site.slots, Math.ceil(WORTHWHILE_SECONDS / (input.jobSeconds ?? Infinity)));
  const quota = (site: PlacementSite): number =>
    wanted >= sum(room)
      ? room(site)
      : Math.min(room(site), Math.max(worthwhile(site), Math.ceil(value(site) * fill - ROUNDING)));
  return {
    order: order.map(({ name }) => name),
    quotas: [new Map(sites.map((site) => [site.name, quota(site)])), new Map(rooms)],
  };
}

const ROUNDING = 1e-9;

/** A site counts as at most so many times faster or slower than the mean: figures of speed are rough. */
const MOST_SPEED = 2;

function relativeSpeed(sites: readonly PlacementSite[]): (site: PlacementSite) => number {
  const mean = sites.reduce((sum, { speed }) => sum + speed, 0) / sites.length;
  return ({ speed }) =>
    mean > 0 ? Math.min(MOST_SPEED, Math.max(1 / MOST_SPEED, speed / mean)) : 1;
}

/** The last jobs of a block go to so many sites at least, if they have slots: one that is slow or fails holds up a part only. */
const TAIL_SITES = 4;

/** A site with less weight gets nothing of a tail as long as another one has a free slot. */
const RELIABLE = 0.8;

function tailPlan(
  input: PlacementCase,
  sites: readonly PlacementSite[],
  rooms: ReadonlyMap<string, number>,
): Plan {
  const weights = siteWeights(input.sites);
  const weight = ({ name }: PlacementSite): number => weights.get(name) ?? 1;
  const speed = relativeSpeed(sites);
  const order = [...sites].sort(
    (a, b) =>
      Number(weight(b) >= RELIABLE) - Number(weight(a) >= RELIABLE) ||
      weight(b) * speed(b) - weight(a) * speed(a) ||
      Number(b.near) - Number(a.near),
  );
  const free = (site: PlacementSite): number =>
    Math.max(0, Math.min(rooms.get(site.name) ?? 0, site.slots - site.open));
  const each = Math.ceil(input.jobs.length / TAIL_SITES);
  const quotas = (of: (site: PlacementSite) => number): Quotas =>
    new Map(sites.map((site) => [site.name, of(site)]));
  return {
    order: order.map(({ name }) => name),
    quotas: [
      quotas((site) => (weight(site) >= RELIABLE ? Math.min(each, free(site)) : 0)),
      quotas(free),
      new Map(rooms),
    ],
  };
}

/** Of these jobs, some have failed at a site: from this share on the others go elsewhere with them, in one bundle. */
const AVOIDED = 0.1;

function avoidedSites(jobs: readonly PlacementJob[]): Set<string> {
  const counts = new Map<string, number>();
  for (const name of jobs.flatMap(({ avoid }) => avoid)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const least = AVOIDED * jobs.length;
  return new Set([...counts].filter(([, count]) => count >= least).map(([name]) => name));
}
