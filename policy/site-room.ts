import type { PlacementCase, PlacementSite } from './placement-case.js';
import { siteWeights } from './site-weight.js';

/** Why a site gets nothing now: it may not, it has no room, or the production has had its part, or as much as it wants at all. */
export type Obstruction = 'closed' | 'rate' | 'full' | 'failures' | 'limit' | 'share';

export interface PassedOver {
  readonly site: string;
  readonly kind: Obstruction;
  /** For people. */
  readonly why: string;
}

/** What the sites can take now. */
export interface SiteRooms {
  /** Jobs by site; sites that can take none are not in it. */
  readonly rooms: ReadonlyMap<string, number>;
  /** Jobs at all sites together. */
  readonly budget: number;
  readonly passedOver: readonly PassedOver[];
}

/** Jobs of one bundle at most: larger ones gain nothing (measured), and their reports grow. */
export const LARGEST_BUNDLE = 1000;

/**
 * A bundle costs the system a tenth of a second of its time, however few jobs it has: one whose jobs take less than this together (s), hundreds of
 * times as long, costs more than its jobs gain by being apart.
 */
export const WORTHWHILE_SECONDS = 60;

/** A queue at a site holds what its slots finish in this time, so that a report's round trip never leaves a slot idle. */
export const QUEUE_SECONDS = 5;

/** Jobs count as at least this long, s. */
const SHORTEST_JOB = 0.01;

/** More than its part of one site a production may have, if it has less of others. */
const MOST_AT_SITE = 2;

/** Bundles that may end on the whole grid in a second, on average: each costs the system a tenth of a second of processor time. */
const BUNDLES_PER_SECOND = 5;

/** A production that shares the grid gets what is due to it in so many bundles at least, for its jobs to start evenly. */
const LEAST_BUNDLES = 4;

/** Jobs that may be at a site: its slots, and its queue. */
export function siteCapacity(slots: number, jobSeconds: number | null): number {
  return slots + siteQueue(slots, jobSeconds);
}

/** Jobs that may wait at a site: a fifth of its slots or `QUEUE_SECONDS` of work, whichever is more. */
function siteQueue(slots: number, jobSeconds: number | null): number {
  const refill =
    jobSeconds === null
      ? 0
      : Math.ceil((slots * QUEUE_SECONDS) / Math.max(jobSeconds, SHORTEST_JOB));
  return Math.max(Math.ceil(slots / 5), Math.min(refill, LARGEST_BUNDLE * 2));
}

/** What each site can take of this production, and all of them together; or why a site can take nothing. */
export function siteRooms(input: PlacementCase): SiteRooms {
  const passedOver: PassedOver[] = [];
  const rooms = new Map<string, number>();
  const weights = siteWeights(input.sites);
  const bundle = worthwhileBundle(input);
  const budget = Math.min(budgetOf(input, bundle), input.most);
  for (const site of input.sites) {
    const room = roomAt(site, { ...input, weight: weights.get(site.name) ?? 1, bundle });
    if (typeof room !== 'number') passedOver.push({ site: site.name, ...room });
    else if (input.most <= 0) passedOver.push({ site: site.name, ...LIMIT_REACHED });
    else if (budget <= 0) passedOver.push({ site: site.name, ...SHARE_USED });
    else rooms.set(site.name, Math.min(room, LARGEST_BUNDLE, budget, site.takes));
  }
  return { rooms, budget, passedOver };
}

const LIMIT_REACHED = {
  kind: 'limit',
  why: 'a limit of the production itself is reached',
} as const;
/** Jobs of this production that all sites together can take now. */
export function jobsThatFit(input: PlacementCase): number {
  const { budget, rooms } = siteRooms(input);
  return Math.min(
    budget,
    [...rooms.values()].reduce((sum, room) => sum + room, 0),
  );
}

const SHARE_USED = { kind: 'share', why: 'the share of the production is used' } as const;

/** Jobs that a bundle has if all that start on the grid come in `BUNDLES_PER_SECOND`: one where jobs take hours. */
function worthwhileBundle({ jobSeconds, sites }: PlacementCase): number {
  if (jobSeconds === null) return 1;
  const slots = sites.reduce((sum, site) => sum + (site.closed === '' ? site.slots : 0), 0);
  const starts = slots / Math.max(jobSeconds, SHORTEST_JOB);
  return Math.min(LARGEST_BUNDLE, Math.ceil(starts / BUNDLES_PER_SECOND));
}

/**
 * The least room (jobs) that is filled: half of the queue, or of the production's part of it, but not less than a worthwhile bundle. Each costs the
 * same, however small it is, and no slot idles while the other half of the queue lasts.
 */
function leastRoom(queue: number, part: number, bundle: number): number {
  const half = Math.min(queue, LARGEST_BUNDLE) / 2;
  return Math.max(1, Math.floor(Math.min(half, Math.max(half * part, bundle))));
}

/** What a site can take of this production, jobs, or why it can take nothing. */
function roomAt(
  site: PlacementSite,
  { bundle, jobSeconds, tail, urgent, weight }: PlacementCase & { bundle: number; weight: number },
): number | Omit<PassedOver, 'site'> {
  if (site.closed !== '') return { kind: 'closed', why: site.closed };
  if (site.takes === 0) return { kind: 'rate', why: 'its limit of jobs per minute is reached' };
  const queue = siteQueue(site.slots, jobSeconds);
  const capacity = site.slots + queue;
  const there = `${site.open} jobs run or queue for ${site.slots} slots`;
  if (urgent) {
    const extra = Math.ceil(site.slots / 5);
    const room = Math.max(capacity + extra - site.open, extra - site.urgent);
    return room > 0 ? room : { kind: 'full', why: `full: ${there}, ${site.urgent} of them first` };
  }
  const part = Math.ceil(MOST_AT_SITE * site.part);
  const worthwhile = leastRoom(queue, Math.min(1, part / capacity), bundle);
  const most = Math.min(capacity, Math.max(part, worthwhile > 1 ? MOST_AT_SITE * worthwhile : 1));
  // The last jobs of a block do not wait for company where a slot is free.
  const least = tail && site.open < site.slots ? 1 : worthwhile;
  // Not below what is filled at once: a site is never closed because jobs fail there, and its bundles stay as they are.
  const trusted = weight === 1 ? capacity : Math.max(least, Math.ceil(weight * capacity));
  const free = capacity - site.open;
  const mine = most - site.mine;
  const room = Math.min(free, mine);
  if (room < least) {
    if (free > Math.max(0, room)) {
      return {
        kind: 'share',
        why: `its share is used: ${site.mine} of at most ${most} jobs run or queue there`,
      };
    }
    const enough = room <= 0 ? '' : ', its queue is more than half full';
    return { kind: 'full', why: `full: ${there}${enough}` };
  }
  const bearable = Math.min(room, trusted - site.mine);
  return bearable >= Math.min(least, trusted)
    ? bearable
    : {
        kind: 'failures',
        why: `many fail there: ${site.mine} of at most ${trusted} jobs run or queue there`,
      };
}

/** How many jobs more the production may have at all sites together; 0 while that is too few to send. */
function budgetOf(
  { sites, jobSeconds, owed, tail, urgent }: PlacementCase,
  worthwhile: number,
): number {
  if (urgent) return Infinity;
  const open = sites.filter((site) => site.closed === '');
  const sum = (of: (site: PlacementSite) => number): number =>
    open.reduce((total, site) => total + of(site), 0);
  const capacity = sum((site) => siteCapacity(site.slots, jobSeconds));
  const exact = sum((site) => site.part);
  const part = owed ? Math.max(1, Math.ceil(exact)) : Math.floor(exact);
  // It could have everything: only the rooms count.
  if (part >= capacity) return Infinity;
  const left = part - sum((site) => site.mine);
  const queue = sum((site) => siteQueue(site.slots, jobSeconds));
  const bundle = Math.min(worthwhile, part / LEAST_BUNDLES);
  return left >= (tail ? 1 : leastRoom(queue, part / capacity, bundle)) ? left : 0;
}
