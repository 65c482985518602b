/** A site as `place` sees it. */
export interface PlacementSite {
  readonly name: string;
  readonly slots: number;
  /** Attempts of all productions that are submitted or running there. */
  readonly open: number;
  /** Those of this production. */
  readonly mine: number;
  /** Why nothing may go there (banned, not in the definition's list); empty if it may. */
  readonly closed: string;
  /** The block's home storage is near it. */
  readonly near: boolean;
  /** Jobs of this production that are its part of the site, as a fraction too. See `shareGrid`. */
  readonly part: number;
  /** Jobs that the site takes now beside its slots: Infinity, or what its limit per minute leaves. */
  readonly takes: number;
}

export interface PlacementJob {
  readonly job: number;
  /** Sites where it failed by the site's fault, or shall be confirmed elsewhere. */
  readonly avoid: readonly string[];
  /** Sites near its input files: these first, where they have room. */
  readonly prefers?: readonly string[];
}

export interface PlacementCase {
  /** In order of their numbers. */
  readonly jobs: readonly PlacementJob[];
  /** All jobs of the production that wait, these ones and those that are not planned yet. */
  readonly backlog: number;
  readonly sites: readonly PlacementSite[];
  /** Scouts and merges jump the queue: they may exceed the room by a fifth of the slots, and the part of their production. */
  readonly urgent: boolean;
  /** The production has had no more starts than are due to it: fractions of a job are rounded in its favour. See `StartBalance`. */
  readonly owed: boolean;
  /** Jobs that may go now by the limits of the production itself. */
  readonly most: number;
  /** Expected wall time of the jobs at the sites, of all productions, s; null if not known. */
  readonly jobSeconds: number | null;
}

export interface Placement {
  readonly bundles: readonly { readonly site: string; readonly jobs: readonly number[] }[];
  /** What each site could not take, and why; for `fabrica show`. */
  readonly passedOver: readonly { readonly site: string; readonly why: string }[];
}

/** Jobs of one bundle at most: larger ones gain nothing (measured), and their reports grow. */
export const LARGEST_BUNDLE = 1000;

/** A queue at a site holds what its slots finish in this time, so that a report's round trip never leaves a slot idle. */
const QUEUE_SECONDS = 5;

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

/** More than its part of one site a production may have, if it has less of others. */
const MOST_AT_SITE = 2;

/**
 * The least room (jobs) that is filled: half of the queue, or of the production's part of it. Each bundle costs the same, however small it is, and
 * no slot idles while the other half of the queue lasts.
 */
function leastRoom(queue: number, part: number): number {
  return Math.max(1, Math.floor((Math.min(queue, LARGEST_BUNDLE) * part) / 2));
}

/** What a site can take of this production, jobs, or why it can take nothing. */
function roomAt(site: PlacementSite, { jobSeconds, urgent }: PlacementCase): number | string {
  if (site.closed !== '') return site.closed;
  if (site.takes === 0) return 'its limit of jobs per minute is reached';
  const queue = siteQueue(site.slots, jobSeconds);
  const capacity = site.slots + queue;
  if (urgent) {
    const room = capacity + Math.ceil(site.slots / 5) - site.open;
    return room > 0 ? room : `full: ${site.open} jobs for ${site.slots} slots`;
  }
  const most = Math.min(capacity, Math.max(1, Math.ceil(MOST_AT_SITE * site.part)));
  const free = capacity - site.open;
  const mine = most - site.mine;
  const room = Math.min(free, mine);
  if (room >= leastRoom(queue, Math.min(1, most / capacity))) return room;
  if (free <= Math.max(0, room)) {
    const enough = room <= 0 ? '' : ', its queue is more than half full';
    return `full: ${site.open} jobs for ${site.slots} slots${enough}`;
  }
  return `its share is used: ${site.mine} jobs of ${most}`;
}

/** How many jobs more the production may have at all sites together; 0 while that is too few to send. */
function budgetOf({ sites, jobSeconds, owed, urgent }: PlacementCase): number {
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
  return left >= leastRoom(queue, part / capacity) ? left : 0;
}

/**
 * Which jobs go where now. Never to a closed or full site, and not before half of the site's queue is free; at all sites together not more than the
 * production's parts of them. A production that could not fill the room is spread over the sites in proportion to it; of a larger one, these jobs
 * fill site after site, since others will fill the rest. Sites near the home storage come first; jobs go in runs of consecutive numbers, and to a
 * site near their input files as long as one has room. A job avoids the sites that it failed at as long as another open site exists at all.
 */
export function placeJobs(input: PlacementCase): Placement {
  const passedOver: { site: string; why: string }[] = [];
  const rooms = new Map<string, number>();
  const openSites = input.sites.filter((site) => site.closed === '');
  const budget = Math.min(budgetOf(input), input.most);
  for (const site of input.sites) {
    const room = roomAt(site, input);
    if (typeof room === 'string') passedOver.push({ site: site.name, why: room });
    else if (budget <= 0) {
      passedOver.push({ site: site.name, why: 'the share of the production is used' });
    } else rooms.set(site.name, Math.min(room, LARGEST_BUNDLE, budget, site.takes));
  }
  const total = [...rooms.values()].reduce((sum, room) => sum + room, 0);
  if (total === 0 || input.jobs.length === 0) return { bundles: [], passedOver };

  const near = (name: string): boolean => openSites.some((site) => site.name === name && site.near);
  const avoided = avoidedSites(input.jobs);
  const order = [...rooms.keys()].sort(
    (a, b) =>
      Number(avoided.has(a)) - Number(avoided.has(b)) ||
      Number(near(b)) - Number(near(a)) ||
      (rooms.get(b) ?? 0) - (rooms.get(a) ?? 0),
  );
  const fill = Math.min(1, Math.max(input.backlog, input.jobs.length) / total);
  let left = budget;
  const quota = new Map(order.map((name) => [name, Math.ceil((rooms.get(name) ?? 0) * fill)]));
  const placed = new Map<string, number[]>();
  const give = (job: number, site: string): void => {
    const jobs = placed.get(site);
    if (jobs === undefined) placed.set(site, [job]);
    else jobs.push(job);
    quota.set(site, (quota.get(site) ?? 0) - 1);
    rooms.set(site, (rooms.get(site) ?? 0) - 1);
  };
  for (const { job, avoid, prefers = [] } of input.jobs) {
    const nowhereElse = openSites.every((site) => avoid.includes(site.name));
    const allowed = order.filter((name) => nowhereElse || !avoid.includes(name));
    const preferred = prefers.length === 0 ? [] : allowed.filter((name) => prefers.includes(name));
    const site =
      preferred.find((name) => (quota.get(name) ?? 0) > 0) ??
      preferred.find((name) => (rooms.get(name) ?? 0) > 0) ??
      allowed.find((name) => (quota.get(name) ?? 0) > 0) ??
      allowed.find((name) => (rooms.get(name) ?? 0) > 0);
    if (site === undefined) continue;
    if (left-- <= 0) break;
    give(job, site);
  }
  return {
    bundles: [...placed].map(([site, jobs]) => ({ site, jobs })),
    passedOver,
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
