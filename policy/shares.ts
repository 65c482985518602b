import { QUEUE_SECONDS, siteCapacity } from './site-room.js';

/** A production with jobs that wait, as the grid is divided. */
export interface Claim {
  readonly production: number;
  readonly group: string;
  /** 1..10. */
  readonly priority: number;
  /** Wall time of its jobs, s; null if not known. */
  readonly jobSeconds: number | null;
  /** Jobs that it has at sites or could send there; Infinity if it has more than any grid. */
  readonly jobs: number;
  /** Sites that it may use; empty: all. */
  readonly sites: readonly string[];
  /** What it has had too little (above 1) or too much of late; see `StartBalance`. */
  readonly correction: number;
}

/** Shares of the groups that the configuration names, in any unit; all others have one share of 1 together. */
export type GroupShares = Readonly<Record<string, number>>;

export interface GridShares {
  /** Mean wall time of the jobs that start, s; null if not known. */
  readonly jobSeconds: number | null;
  /** Jobs that each production may have at each site, in fractions of one too. */
  readonly parts: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** Job starts that are due to each production, to compare them: jobs/s, before the corrections. */
  readonly starts: ReadonlyMap<number, number>;
}

interface ShareSite {
  readonly name: string;
  readonly slots: number;
  /** Jobs that it takes within any minute. (Default: no limit) */
  readonly jobsPerMinute?: number | undefined;
}

/** Jobs that may be at a site, or that its limit per minute lets be there at once, by Little's law: others would be a part of what nobody can have. */
function capacityOf({ jobsPerMinute, slots }: ShareSite, jobSeconds: number | null): number {
  const capacity = siteCapacity(slots, jobSeconds);
  if (jobsPerMinute === undefined || jobSeconds === null) return capacity;
  return Math.min(capacity, (jobsPerMinute / 60) * (jobSeconds + QUEUE_SECONDS));
}

/**
 * Divides the sites between all productions that have jobs waiting. Groups get slots by their shares; the productions of a group get job
 * starts by their priorities: one with longer jobs has more of them at once. By Little's law that is
 * priority x (length of its jobs + time in the queue). What one can not use the others get.
 */
export function shareGrid(
  claims: readonly Claim[],
  sites: readonly ShareSite[],
  groups: GroupShares,
): GridShares {
  const jobSeconds = meanSeconds(claims);
  const parts = new Map<number, Map<string, number>>(
    claims.map(({ production }) => [production, new Map<string, number>()]),
  );
  const capacities = new Map(sites.map((one) => [one.name, capacityOf(one, jobSeconds)]));
  const reach = new Map(
    claims.map((claim) => [
      claim,
      (claim.sites.length === 0 ? [...capacities.keys()] : claim.sites)
        .map((name) => capacities.get(name) ?? 0)
        .reduce((sum, one) => sum + one, 0),
    ]),
  );
  const starts = new Map<number, number>();
  for (const { name, slots } of sites) {
    const capacity = capacities.get(name) ?? 0;
    const queueing = jobSeconds === null ? 0 : (Math.max(0, capacity - slots) / slots) * jobSeconds;
    const here = claims
      .filter((claim) => claim.sites.length === 0 || claim.sites.includes(name))
      .map((claim) => {
        const seconds = (claim.jobSeconds ?? jobSeconds ?? 1) + queueing;
        const wanted = (claim.jobs * capacity) / (reach.get(claim) ?? capacity);
        return { claim, seconds, weight: claim.priority * seconds, wanted };
      });
    const due = divideInGroups(capacity, here, groups);
    for (const [{ claim, seconds }, part] of due) {
      const { production } = claim;
      starts.set(production, (starts.get(production) ?? 0) + part / seconds);
    }
    // Nobody has to wait for another while there is room for all.
    const contested = here.reduce((sum, { wanted }) => sum + wanted, 0) > capacity;
    const corrected = here.map((one) => ({ ...one, weight: one.weight * one.claim.correction }));
    for (const [{ claim }, part] of divideInGroups(capacity, corrected, groups)) {
      parts.get(claim.production)?.set(name, contested ? part : siteCapacity(slots, jobSeconds));
    }
  }
  return { jobSeconds, parts, starts };
}

interface Wish {
  readonly weight: number;
  readonly wanted: number;
}

/** Divides a site between the groups, and their parts between their productions. */
function divideInGroups<T extends Wish & { readonly claim: Claim }>(
  capacity: number,
  wishes: readonly T[],
  groups: GroupShares,
): [T, number][] {
  const pools = byGroup(wishes, groups);
  const shared = [...pools].map(([group, members]) => ({
    members,
    weight: groups[group] ?? 1,
    wanted: members.reduce((sum, { wanted }) => sum + wanted, 0),
  }));
  return [...divide(capacity, shared)].flatMap(([pool, part]) => [...divide(part, pool.members)]);
}

function byGroup<T extends { readonly claim: Claim }>(
  wishes: readonly T[],
  groups: GroupShares,
): Map<string, T[]> {
  const pools = new Map<string, T[]>();
  for (const wish of wishes) {
    const group = Object.hasOwn(groups, wish.claim.group) ? wish.claim.group : '';
    const pool = pools.get(group);
    if (pool === undefined) pools.set(group, [wish]);
    else pool.push(wish);
  }
  return pools;
}

/** Of the jobs that start, not of those that run: a production of twice the priority starts twice as many. */
function meanSeconds(claims: readonly Claim[]): number | null {
  let starts = 0;
  let seconds = 0;
  for (const { priority, jobSeconds } of claims) {
    if (jobSeconds === null) continue;
    starts += priority;
    seconds += priority * jobSeconds;
  }
  return starts === 0 ? null : seconds / starts;
}

/** Divides a whole by weight; what is more than one wanted goes to the others. */
function divide<T extends Wish>(whole: number, claims: readonly T[]): Map<T, number> {
  const parts = new Map<T, number>();
  const order = [...claims].sort((a, b) => a.wanted / a.weight - b.wanted / b.weight);
  let left = whole;
  let weights = order.reduce((sum, { weight }) => sum + weight, 0);
  for (const claim of order) {
    const part = Math.min(claim.wanted, (left * claim.weight) / weights);
    parts.set(claim, part);
    left -= part;
    weights -= claim.weight;
  }
  return parts;
}
