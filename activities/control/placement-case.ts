import { placedSince } from '../../catalog/attempts.js';
import { countsOf, plannedWork, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import {
  countPlaceable,
  firstPlacement,
  placeableJobs,
  type JobStage,
  type PlaceableJob,
} from '../../catalog/jobs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { allSites, nearStorages, openAtSites, type SiteRow } from '../../catalog/resources.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import type { Definition } from '../../domain/definition.js';
import type { PlacementCase, PlacementSite } from '../../policy/placement-case.js';
import { enoughCompany, untilCompany } from '../../policy/retry.js';
import type { GridShares } from '../../policy/shares.js';
import { jobsThatFit, LARGEST_BUNDLE } from '../../policy/site-room.js';
import { failingShares } from '../../policy/site-weight.js';
import { isTail } from '../../policy/tail.js';
import { roomThisMinute, throttled } from '../../policy/throttle.js';
import { whyClosed } from './closed-sites.js';
import type { ControlContext } from './context.js';
import { estimateOf } from './estimates.js';
import { recentTallies } from './failure-rates.js';
import { nearInputs } from './near-inputs.js';
import { readsFiles } from './orders.js';
import type { SharedGrid } from './shared-grid.js';

/** Which jobs are to be placed. */
export interface Waiting {
  readonly production: ProductionRow;
  readonly definition: Definition;
  readonly block: Pick<BlockRow, 'number' | 'home_storage' | 'counts' | 'jobs'>;
  readonly stage: JobStage;
}

/** Jobs of a stage that may go now, or why none does and for how long, ms. */
export interface Ready {
  readonly jobs: readonly PlaceableJob[];
  readonly why: string;
  readonly wait: number;
}

/** All that `placeJobs` decides by, and what is done with its answer. */
export interface GatheredCase {
  readonly case: PlacementCase;
  readonly jobs: readonly PlaceableJob[];
  readonly sites: readonly SiteRow[];
  readonly grid: GridShares;
  /** Which limit of the production lets nothing go; empty if none does. */
  readonly throttled: string;
}

/** Jobs of a bundle that are looked at as if they were not at their site. */
export interface Aside {
  readonly site: string;
  readonly jobs: number;
}

/** Scouts and merges go beside the shares. */
const NOT_SHARED: GridShares = { jobSeconds: null, parts: new Map(), starts: new Map() };

/** Nothing that is read. */
const NONE: ReadonlyMap<number, never> = new Map<number, never>();

/** Jobs that are looked at together, at most. */
export const MOST_LOOKED_AT = 4 * LARGEST_BUNDLE;

/** Where a production's jobs fail is looked up so often, ms. */
const FAILURES_LAST = 5_000;

/** Gathers what placement looks at, for `place` and for `explain`: the one decides by the same as the other tells. It writes nothing. */
export class PlacementCases {
  readonly #context: ControlContext;
  readonly #grid: SharedGrid;
  readonly #limits: ReadonlyMap<string, number | undefined>;
  readonly #failing = new Map<number, { at: number; shares: ReadonlyMap<string, number> }>();

  constructor(context: ControlContext, grid: SharedGrid) {
    this.#context = context;
    this.#grid = grid;
    this.#limits = new Map(context.configuration.sites.map((one) => [one.name, one.jobsPerMinute]));
  }

  /** The jobs of a stage that may go now, `most` at most: those whose back-off is over, once they are not to wait for company. */
  async ready(
    db: Db,
    { block, production, stage }: Omit<Waiting, 'definition'>,
    most = MOST_LOOKED_AT,
  ): Promise<Ready> {
    const now = this.#context.clock.now();
    const key = { production: production.id, block: block.number };
    const { jobs: counts } = countsOf(block);
    const open = (counts.Submitted ?? 0) + (counts.Running ?? 0);
    const company = { now, open, blockJobs: block.jobs };
    const limit = Math.max(1, enoughCompany(company));
    const { jobs: placeable, since } = await countPlaceable(db, key, stage, { now, limit });
    if (placeable === 0) {
      const from = (await firstPlacement(db, key, stage)) ?? now;
      return { jobs: [], why: 'every waiting job is in its back-off', wait: from - now };
    }
    const jobs = await placeableJobs(db, key, stage, {
      now,
      limit: most,
      avoiding: MOST_LOOKED_AT,
    });
    const wait = untilCompany({ ...company, placeable, since });
    return stage === 'events' && !isScouting(production) && wait > 0
      ? { jobs, why: 'jobs that have failed wait for others to go with', wait }
      : { jobs, why: '', wait: 0 };
  }

  /**
   * How many jobs are to be looked at, by what is known without them: no more than go. Of those that read files some may not be able to, and the
   * last ones of a block are divided.
   */
  most({ definition, production, stage }: Waiting, { case: rooms }: GatheredCase): number {
    const fit = jobsThatFit(rooms);
    const unable = stage === 'events' && readsFiles(production, definition);
    return fit > 0 && (unable || rooms.tail) ? MOST_LOOKED_AT : Math.min(fit, MOST_LOOKED_AT);
  }

  /** Everything that decides where these jobs go now. */
  async gather(
    db: Db,
    waiting: Waiting,
    ready: readonly PlaceableJob[],
    aside: Aside | null = null,
  ): Promise<GatheredCase> {
    return this.withJobs(db, waiting, await this.withoutJobs(db, waiting, aside), ready);
  }

  /** The same with these jobs. */
  async withJobs(
    db: Db,
    { definition, production, stage }: Waiting,
    gathered: GatheredCase,
    ready: readonly PlaceableJob[],
  ): Promise<GatheredCase> {
    const merging = stage === 'merge';
    const sites = merging || isScouting(production) ? [] : gathered.sites;
    const { jobs, prefers } =
      merging || readsFiles(production, definition)
        ? await nearInputs(db, production, ready, sites)
        : { jobs: ready, prefers: NONE };
    return {
      ...gathered,
      case: {
        ...gathered.case,
        jobs: jobs.map((job) => ({
          job: job.number,
          avoid: JSON.parse(job.avoid) as string[],
          prefers: prefers.get(job.number) ?? [],
        })),
      },
      jobs,
    };
  }

  /** What decides how many jobs each site takes now, whichever they are. */
  async withoutJobs(db: Db, waiting: Waiting, aside: Aside | null = null): Promise<GatheredCase> {
    const { block, definition, production, stage } = waiting;
    const now = this.#context.clock.now();
    const sites = await allSites(db);
    const merging = stage === 'merge';
    const scouting = isScouting(production);
    const urgent = merging || scouting;
    const lastMinute = await placedSince(db, now - 60_000);
    const open = withoutAside(await openAtSites(db, production.id), aside);
    const throttle = throttled(definition.throttle, {
      open: [...open.values()].reduce((sum, { mine }) => sum + mine, 0),
      sent: jobsOf(lastMinute.filter((one) => one.production === production.id)),
    });
    const grid = urgent ? NOT_SHARED : await this.#grid.shares(db, sites, production.id, now);
    return {
      case: {
        jobs: [],
        // Scouts are spread; the merges of a block go together.
        backlog: scouting ? 0 : merging ? Infinity : await backlogOf(db, production),
        sites: await this.#sites(db, waiting, { grid, lastMinute, open, sites }),
        most: throttle.jobs,
        urgent,
        owed: this.#grid.owes(production.id),
        jobSeconds: merging ? null : (grid.jobSeconds ?? production.job_seconds),
        tail: !urgent && isTail(leftOf(block, production.job_seconds)),
      },
      jobs: [],
      sites,
      grid,
      throttled: throttle.why,
    };
  }

  /** Jobs have been sent: each production that shares the grid was due a part of them. */
  sent(production: ProductionRow, jobs: number, { grid }: GatheredCase): void {
    this.#grid.started(production.id, jobs, grid, this.#context.clock.now());
  }

  async #sites(
    db: Db,
    { block, definition, production }: Waiting,
    { grid, lastMinute, open, sites }: SitesView,
  ): Promise<PlacementSite[]> {
    const parts = grid.parts.get(production.id) ?? null;
    const excluded = await exclusionsAt(db, production, this.#context.clock.now());
    const failing = await this.#failingAt(db, production, definition);
    return sites.map((site) => ({
      name: site.name,
      slots: site.slots,
      open: open.get(site.name)?.open ?? 0,
      mine: open.get(site.name)?.mine ?? 0,
      urgent: open.get(site.name)?.urgent ?? 0,
      closed: whyClosed(this.#context, site, definition, excluded),
      near: nearStorages(site).includes(block.home_storage),
      // Who shares nothing is not kept from anything.
      part: parts === null ? Infinity : (parts.get(site.name) ?? 0),
      takes: roomThisMinute(
        this.#limits.get(site.name),
        jobsOf(lastMinute.filter((one) => one.site === site.name)),
      ),
      failing: failing.get(site.name) ?? 0,
      speed: site.hs23_per_core,
    }));
  }

  /** Where the jobs of a production have failed of late, as of `FAILURES_LAST` ago at most. */
  async #failingAt(
    db: Db,
    production: ProductionRow,
    definition: Definition,
  ): Promise<ReadonlyMap<string, number>> {
    const now = this.#context.clock.now();
    const known = this.#failing.get(production.id);
    if (known !== undefined && now - known.at < FAILURES_LAST) return known.shares;
    for (const [id, { at }] of this.#failing) {
      if (now - at >= FAILURES_LAST) this.#failing.delete(id);
    }
    const shares = failingShares(await recentTallies(db, production, definition, now));
    this.#failing.set(production.id, { at: now, shares });
    return shares;
  }
}

interface SitesView {
  readonly sites: readonly SiteRow[];
  readonly grid: GridShares;
  readonly open: Awaited<ReturnType<typeof openAtSites>>;
  readonly lastMinute: Awaited<ReturnType<typeof placedSince>>;
}

export function isScouting(production: Pick<ProductionRow, 'state'>): boolean {
  return production.state === 'Scouting';
}

/** Jobs of a production that wait, and that its further blocks will have. */
async function backlogOf(db: Db, production: ProductionRow): Promise<number> {
  const { events, waiting } = await plannedWork(db, production.id);
  // Nothing is planned before the scouts have measured what a job is.
  if (production.estimate === null) return waiting;
  const unplanned = Math.max(0, production.events - events);
  return waiting + Math.ceil(unplanned / estimateOf(production).eventsPerJob);
}

function leftOf(block: Waiting['block'], jobSeconds: number | null): Parameters<typeof isTail>[0] {
  const { jobs: counts } = countsOf(block);
  return {
    waiting: counts.Waiting ?? 0,
    atSites: (counts.Submitted ?? 0) + (counts.Running ?? 0),
    jobs: block.jobs,
    jobSeconds,
  };
}

function jobsOf(sent: SitesView['lastMinute']): number {
  return sent.reduce((sum, { jobs }) => sum + jobs, 0);
}

function withoutAside(open: SitesView['open'], aside: Aside | null): SitesView['open'] {
  const there = aside === null ? undefined : open.get(aside.site);
  if (aside === null || there === undefined) return open;
  const left = { ...there, open: there.open - aside.jobs, mine: there.mine - aside.jobs };
  return new Map([...open, [aside.site, left]]);
}
