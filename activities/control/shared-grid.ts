import type { Db } from '../../catalog/catalog.js';
import { claims } from '../../catalog/shares.js';
import { effectiveState, type SiteRow } from '../../catalog/resources.js';
import type { Configuration } from '../../domain/configuration.js';
import { shareGrid, type GroupShares, type GridShares } from '../../policy/shares.js';
import { StartBalance } from '../../policy/start-balance.js';
import { mostAtSites } from '../../policy/throttle.js';

/** ms; also how soon a new priority is obeyed, at the latest. */
const SHARES_LAST = 1_000;

/** How the grid is divided between all productions, and what each of them has had: in the memory of the control process. */
export class SharedGrid {
  readonly #balance = new StartBalance();
  readonly #groups: GroupShares;
  readonly #limits: ReadonlyMap<string, number | undefined>;
  #known: { readonly at: number; readonly grid: GridShares } | null = null;

  constructor({ groups, sites }: Pick<Configuration, 'groups' | 'sites'>) {
    this.#groups = groups;
    this.#limits = new Map(sites.map((one) => [one.name, one.jobsPerMinute]));
  }

  /** How the usable sites are divided, as of `SHARES_LAST` ago at most. */
  async shares(
    db: Db,
    sites: readonly SiteRow[],
    production: number,
    now: number,
  ): Promise<GridShares> {
    const known = this.#known;
    if (known !== null && now - known.at < SHARES_LAST && known.grid.parts.has(production)) {
      return known.grid;
    }
    const usable = sites
      .filter((site) => !['Banned', 'Probing'].includes(effectiveState(site, now)))
      .map(({ name, slots }) => ({ name, slots, jobsPerMinute: this.#limits.get(name) }));
    const all = (await claims(db)).map(({ open, throttle, unplanned, waiting, ...claim }) => ({
      ...claim,
      jobs: Math.min(
        unplanned ? Infinity : open + waiting,
        mostAtSites(throttle, claim.jobSeconds),
      ),
      correction: this.#balance.correction(claim.production),
    }));
    const grid = shareGrid(all, usable, this.#groups);
    this.#known = { at: now, grid };
    return grid;
  }

  /** A production sends jobs to sites. */
  started(production: number, jobs: number, grid: GridShares, now: number): void {
    this.#balance.started(production, jobs, grid, now);
  }

  /** The production has had no more starts than are due to it. */
  owes(production: number): boolean {
    return this.#balance.correction(production) >= 1;
  }
}
