import type { PlacementSite } from '../../policy/placement-case.js';

/** Jobs that have been withdrawn are at their next site, or wait for it in Fabrica, after this time, ms. */
const KEPT = 60_000;

/** Jobs that are withdrawn from a site because others have room for them. */
export interface PromisedJobs {
  readonly bundle: number;
  readonly production: number;
  readonly from: string;
  /** By the site that has room. */
  readonly to: ReadonlyMap<string, number>;
}

/**
 * Room that was found for jobs which are being withdrawn from elsewhere: it is not found again for the next ones. In the memory of the control
 * process; what it forgets costs some jobs their place in a queue.
 */
export class PromisedRoom {
  readonly #promises = new Map<number, PromisedJobs & { readonly at: number }>();

  /** Notes where the jobs of a bundle may go; what was noted of it before counts no more. */
  promise(jobs: PromisedJobs, now: number): void {
    for (const [bundle, { at }] of this.#promises) {
      if (now - at >= KEPT) this.#promises.delete(bundle);
    }
    this.#promises.set(jobs.bundle, { ...jobs, at: now });
  }

  /** The sites as they will be once all jobs are where room was found for them, those of this bundle aside. */
  after(
    sites: readonly PlacementSite[],
    { bundle, production }: Pick<PromisedJobs, 'bundle' | 'production'>,
    now: number,
  ): PlacementSite[] {
    const others = [...this.#promises.values()].filter(
      (one) => one.bundle !== bundle && now - one.at < KEPT,
    );
    return sites.map((site) => {
      const coming = sum(others, ({ to }) => to.get(site.name) ?? 0);
      const mine = others.filter((one) => one.production === production);
      const leaving = mine.filter(({ from }) => from === site.name);
      return {
        ...site,
        open: site.open + coming,
        takes: Math.max(0, site.takes - coming),
        mine:
          site.mine +
          sum(mine, ({ to }) => to.get(site.name) ?? 0) -
          sum(leaving, ({ to }) => sum([...to.values()], (jobs) => jobs)),
      };
    });
  }
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
