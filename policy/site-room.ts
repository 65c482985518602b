import type { PlacementCase, PlacementSite } from './placement-case.js';
import { siteWeights } from './site-weight.js';

/** Why a site gets nothing now: it may not, it has no room, or the production has had its part. */
export type Obstruction = 'closed' | 'rate' | 'full' | 'failures' | 'share';

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

/** A queue at a site holds what its slots finish in this time, so that a report's round trip never leaves a slot idle. */
const QUEUE_SECONDS = 5;

/** More than its part of one site a production may have, if it has less of others. */
const MOST_AT_SITE = 2;

/** Jobs that may be at a site: its slots, and its queue. */
export function siteCapacity(slots: number, jobSeconds: number | null): number {
  return slots + siteQueue(slots, jobSeconds);
}

/** Jobs that may wait at a site: a fifth of its slots or `QUEUE_SECONDS` of work, whichever is more. */
function siteQueue(slots: number, jobSeconds: number | null): number {
  const refill =
    jobSeconds === null ? 0 : Math.ceil((slots * QUEUE_SECONDS) / Math.max(jobSeconds, 0.01));
  return Math.max(Math.ceil(slots / 5), Math.min(refill, LARGEST_BUNDLE * 2));
}

/** What each site can take of this production, and all of them together; or why a site can take nothing. */
export function siteRooms(input: PlacementCase): SiteRooms {
  const passedOver: PassedOver[] = [];
  const rooms = new Map<string, number>();
  const weights = siteWeights(input.sites);
  const budget = Math.min(budgetOf(input), input.most);
  for (const site of input.sites) {
    const room = roomAt(site, weights.get(site.name) ?? 1, input);
    if (typeof room !== 'number') passedOver.push({ site: site.name, ...room });
    else if (budget <= 0) passedOver.push({ site: site.name, ...SHARE_USED });
    else rooms.set(site.name, Math.min(room, LARGEST_BUNDLE, budget, site.takes));
  }
  return { rooms, budget, passedOver };
}

const SHARE_USED = { kind: 'share', why: 'the share of the production is used' } as const;

/**
 * The least room (jobs) that is filled: half of the queue, or of the production's part of it. Each bundle costs the same, however small it is, and
 * no slot idles while the other half of the queue lasts.
 */
function leastRoom(queue: number, part: number): number {
  return Math.max(1, Math.floor((Math.min(queue, LARGEST_BUNDLE) * part) / 2));
}

/** What a site can take of this production, jobs, or why it can take nothing. */
function roomAt(
  site: PlacementSite,
  weight: number,
  { jobSeconds, tail, urgent }: PlacementCase,
): number | Omit<PassedOver, 'site'> {
  if (site.closed !== '') return { kind: 'closed', why: site.closed };
  if (site.takes === 0) return { kind: 'rate', why: 'its limit of jobs per minute is reached' };
  const queue = siteQueue(site.slots, jobSeconds);
  const capacity = site.slots + queue;
  const there = `${site.open} jobs for ${site.slots} slots`;
  if (urgent) {
    const room = capacity + Math.ceil(site.slots / 5) - site.open;
    return room > 0 ? room : { kind: 'full', why: `full: ${there}` };
  }
  const most = Math.min(capacity, Math.max(1, Math.ceil(MOST_AT_SITE * site.part)));
  // The last jobs of a block do not wait for company where a slot is free.
  const least = tail && site.open < site.slots ? 1 : leastRoom(queue, Math.min(1, most / capacity));
  // Not below what is filled at once: a site is never closed because jobs fail there, and its bundles stay as they are.
  const trusted = weight === 1 ? capacity : Math.max(least, Math.ceil(weight * capacity));
  const free = capacity - site.open;
  const mine = most - site.mine;
  const room = Math.min(free, mine);
  if (room < least) {
    if (free > Math.max(0, room)) {
      return { kind: 'share', why: `its share is used: ${site.mine} jobs of ${most}` };
    }
    const enough = room <= 0 ? '' : ', its queue is more than half full';
    return { kind: 'full', why: `full: ${there}${enough}` };
  }
  const bearable = Math.min(room, trusted - site.mine);
  return bearable >= Math.min(least, trusted)
    ? bearable
    : { kind: 'failures', why: `many fail there: ${site.mine} jobs of ${trusted}` };
}

/** How many jobs more the production may have at all sites together; 0 while that is too few to send. */
function budgetOf({ sites, jobSeconds, owed, tail, urgent }: PlacementCase): number {
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
  return left >= (tail ? 1 : leastRoom(queue, part / capacity)) ? left : 0;
}
