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
}

export interface PlacementJob {
  readonly job: number;
  /** Sites where it failed by the site's fault, or shall be confirmed elsewhere. */
  readonly avoid: readonly string[];
}

export interface PlacementCase {
  /** In order of their numbers. */
  readonly jobs: readonly PlacementJob[];
  /** All jobs of the production that wait, these ones and those that are not planned yet. */
  readonly backlog: number;
  readonly sites: readonly PlacementSite[];
  /** This production's priority over the sum of all that have jobs waiting, 0..1; 1 for scouts and merges. */
  readonly share: number;
  /** Scouts and merges jump the queue: they may exceed the room by a fifth of the slots. */
  readonly urgent: boolean;
  /** Expected wall time of a job, s; null if not known. */
  readonly jobSeconds: number | null;
}

export interface Placement {
  readonly bundles: readonly { readonly site: string; readonly jobs: readonly number[] }[];
  /** What each site could not take, and why; for `fabrica show`. */
  readonly passedOver: readonly { readonly site: string; readonly why: string }[];
}

/** Jobs of one bundle at most: larger ones gain nothing (measured), and their reports grow. */
export const LARGEST_BUNDLE = 500;

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

/**
 * The least room (jobs) that is filled: half of the queue. Each bundle costs the same, however small it is, and no slot idles while the other
 * half of the queue lasts.
 */
function leastRoom({ jobSeconds, share, urgent }: PlacementCase, slots: number): number {
  const queue = Math.min(siteQueue(slots, jobSeconds), LARGEST_BUNDLE);
  return urgent ? 1 : Math.max(1, Math.floor((queue * share) / 2));
}

/**
 * Which jobs go where now. Never to a closed or full site, and not before half of the site's queue is free. A production
 * that could not fill the room is spread over the sites in proportion to it; of a larger one, these jobs fill site after site, since others will fill
 * the rest. Sites near the home storage come first; jobs go in runs of consecutive numbers. A job avoids the sites that it failed at as long as another open site exists at all.
 */
export function placeJobs(input: PlacementCase): Placement {
  const passedOver: { site: string; why: string }[] = [];
  const rooms = new Map<string, number>();
  const openSites = input.sites.filter((site) => site.closed === '');
  for (const site of input.sites) {
    if (site.closed !== '') {
      passedOver.push({ site: site.name, why: site.closed });
      continue;
    }
    const capacity =
      siteCapacity(site.slots, input.jobSeconds) + (input.urgent ? Math.ceil(site.slots / 5) : 0);
    const mine = Math.max(1, Math.ceil(capacity * input.share)) - site.mine;
    const room = Math.min(capacity - site.open, mine);
    if (room >= leastRoom(input, site.slots)) {
      rooms.set(site.name, Math.min(room, LARGEST_BUNDLE));
    } else {
      const enough = room <= 0 ? '' : ', its queue is more than half full';
      passedOver.push({
        site: site.name,
        why:
          capacity - site.open <= Math.max(0, room)
            ? `full: ${site.open} jobs for ${site.slots} slots${enough}`
            : `its share is used: ${site.mine} jobs of ${Math.round(input.share * 100)} %`,
      });
    }
  }
  const total = [...rooms.values()].reduce((sum, room) => sum + room, 0);
  if (total === 0 || input.jobs.length === 0) return { bundles: [], passedOver };

  const near = (name: string): boolean => openSites.some((site) => site.name === name && site.near);
  const order = [...rooms.keys()].sort(
    (a, b) => Number(near(b)) - Number(near(a)) || (rooms.get(b) ?? 0) - (rooms.get(a) ?? 0),
  );
  const fill = Math.min(1, Math.max(input.backlog, input.jobs.length) / total);
  const quota = new Map(order.map((name) => [name, Math.ceil((rooms.get(name) ?? 0) * fill)]));
  const placed = new Map<string, number[]>();
  const give = (job: number, site: string): void => {
    const jobs = placed.get(site);
    if (jobs === undefined) placed.set(site, [job]);
    else jobs.push(job);
    quota.set(site, (quota.get(site) ?? 0) - 1);
    rooms.set(site, (rooms.get(site) ?? 0) - 1);
  };
  for (const { job, avoid } of input.jobs) {
    const nowhereElse = openSites.every((site) => avoid.includes(site.name));
    const allowed = order.filter((name) => nowhereElse || !avoid.includes(name));
    const site =
      allowed.find((name) => (quota.get(name) ?? 0) > 0) ??
      allowed.find((name) => (rooms.get(name) ?? 0) > 0);
    if (site !== undefined) give(job, site);
  }
  return {
    bundles: [...placed].map(([site, jobs]) => ({ site, jobs })),
    passedOver,
  };
}
