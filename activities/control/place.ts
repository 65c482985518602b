import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  bundlesOfTicket,
  insertBundle,
  openAttempts,
  openBundles,
  type BundleRow,
} from '../../catalog/attempts.js';
import {
  changeBlockState,
  getBlock,
  plannedWork,
  recountBlock,
  type BlockRow,
} from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { placeableJobs, waitingJobs, type JobRow, type JobStage } from '../../catalog/jobs.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import {
  allSites,
  allStorages,
  effectiveState,
  nearStorages,
  openAtSites,
  type SiteRow,
  type StorageRow,
} from '../../catalog/resources.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import { waitingShares } from '../../catalog/shares.js';
import type { BundleOrder } from '../../domain/bundle.js';
import type { Definition } from '../../domain/definition.js';
import type { BlockState } from '../../domain/states/block.js';
import { planDistribution } from '../../policy/distribution-plan.js';
import { placeJobs, LARGEST_BUNDLE, type PlacementSite } from '../../policy/placement.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { estimateOf } from './estimates.js';
import { orderOf } from './orders.js';

/** What a block's workflow finds when it starts: where the block stands, and what is on its way from an earlier life. */
export interface OpenedBlock {
  readonly state: BlockState;
  /** The block scouts: it ends when its jobs have, for the verdict. */
  readonly scouting: boolean;
  readonly bundles: readonly BundleOrder[];
}

export interface PlaceAnswer {
  /** Jobs that go to sites now. */
  readonly bundles: readonly BundleOrder[];
  /** Jobs of the stage that still wait. */
  readonly waiting: number;
}

/** Merge bundles carry lists of files; this keeps them far below Temporal's limit. */
const LARGEST_MERGE_BUNDLE = 20;

/** The gate: which jobs go where, now. */
export function placing(context: ControlContext) {
  const { catalog, clock } = context;

  async function openBlock(input: BlockRef): Promise<OpenedBlock> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const block = await getBlock(db, { production: production.id, block: input.block });
      if (block.state === 'Planned') {
        await changeBlockState(db, block, { to: 'Fabricating', why: '', now: clock.now() });
      }
      const bundles = await openBundles(db, production.id, block.number);
      return {
        state: block.state,
        scouting: isScouting(production),
        bundles: await Promise.all(
          bundles.map((bundle) => orderOf(context, db, production, bundle)),
        ),
      };
    });
  }

  /**
   * Places jobs of a stage that wait. The same ticket gives the same answer again. While nothing can be placed it fails with
   * `FABRICA_PLACE_WAIT`, and Temporal asks again after a while without writing any history.
   */
  async function place(
    input: BlockRef & { stage: JobStage; ticket: string },
  ): Promise<PlaceAnswer> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const before = await bundlesOfTicket(db, production.id, input.block, input.ticket);
      if (before.length > 0) return answer(db, production, before, input.stage);

      const now = clock.now();
      const { waiting, from } = await waitingJobs(db, key, input.stage);
      if (waiting === 0) return { bundles: [], waiting };
      if (production.state !== 'Active' && !isScouting(production)) {
        throw wait(`${production.name} is ${production.state}: ${production.reason}`, 2_000);
      }
      if (from > now) throw wait('every waiting job is in its back-off', from - now);

      const made = await placeNow(db, production, await getBlock(db, key), input);
      if (made.length === 0) {
        throw wait('no site or no storage has room', pauseWithoutRoom(production.job_seconds));
      }
      await recountBlock(db, key);
      return answer(db, production, made, input.stage);
    });
  }

  async function placeNow(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    input: { stage: JobStage; ticket: string },
  ): Promise<BundleRow[]> {
    const now = clock.now();
    const key = { production: production.id, block: block.number };
    const { definition } = await revisionOf(db, production);
    const jobs = await placeableJobs(db, key, input.stage, { now, limit: 4 * LARGEST_BUNDLE });
    const sites = await allSites(db);
    const storages = await allStorages(db);
    const urgent = input.stage === 'merge' || isScouting(production);
    const placement = placeJobs({
      jobs: jobs.map((job) => ({ job: job.number, avoid: JSON.parse(job.avoid) as string[] })),
      // Scouts are spread; the merges of a block go together.
      backlog: isScouting(production)
        ? 0
        : input.stage === 'merge'
          ? Infinity
          : await backlogOf(db, production),
      sites: await placementSites(db, production, block, definition, sites),
      share: urgent ? 1 : await shareOf(db, production),
      urgent,
      jobSeconds: input.stage === 'merge' ? null : production.job_seconds,
    });
    const byNumber = new Map(jobs.map((job) => [job.number, job]));
    const made: BundleRow[] = [];
    for (const { site, jobs: numbers } of placement.bundles) {
      const chosen = numbers.flatMap((number) => byNumber.get(number) ?? []);
      const siteRow = sites.find((row) => row.name === site);
      if (siteRow === undefined) continue;
      for (const group of bundleGroups(chosen, input.stage)) {
        const destinations =
          input.stage === 'merge' || definition.merge === undefined
            ? finalDestinations(definition, siteRow, storages, now, group[0]?.file_index ?? 0)
            : temporaryDestinations(block, siteRow, storages, now);
        // All storages are full: a job that can leave its outputs nowhere would only fail.
        if (destinations.length === 0) continue;
        const bundle = {
          production_id: production.id,
          block: block.number,
          kind: group[0]?.kind ?? 'fabrication',
          site,
          ticket: input.ticket,
          placed_at: now,
          destinations: JSON.stringify(destinations),
          epoch: catalog.epoch,
        };
        made.push(
          await insertBundle(
            db,
            bundle,
            group.map((job) => job.number),
          ),
        );
      }
    }
    return made;
  }

  async function placementSites(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    definition: Definition,
    sites: readonly SiteRow[],
  ): Promise<PlacementSite[]> {
    const open = await openAtSites(db, production.id);
    const now = clock.now();
    const excluded = await exclusionsAt(db, production, now);
    return sites.map((site) => {
      const state = effectiveState(site, now);
      const listed = definition.sites.length === 0 || definition.sites.includes(site.name);
      const closed =
        site.epoch !== catalog.epoch
          ? 'jobs of an earlier epoch may still run there: `fabrica recover`'
          : state === 'Banned' || state === 'Probing'
            ? `${state}${site.override_reason === null ? '' : `: ${site.override_reason}`}`
            : listed
              ? (excluded.get(site.name)?.why ?? '')
              : 'not in the definition';
      return {
        name: site.name,
        slots: site.slots,
        open: open.get(site.name)?.open ?? 0,
        mine: open.get(site.name)?.mine ?? 0,
        closed,
        near: nearStorages(site).includes(block.home_storage),
      };
    });
  }

  async function answer(
    db: Db,
    production: ProductionRow,
    bundles: readonly BundleRow[],
    stage: JobStage,
  ): Promise<PlaceAnswer> {
    const orders: BundleOrder[] = [];
    for (const bundle of bundles) {
      const attempts = await openAttempts(db, bundle.id);
      if (attempts.length > 0) {
        orders.push(await orderOf(context, db, production, bundle, attempts));
      }
    }
    const block = bundles[0]?.block ?? 0;
    const { waiting } = await waitingJobs(db, { production: production.id, block }, stage);
    return { bundles: orders, waiting };
  }

  /** The production's part of each site: its priority over that of all productions with jobs waiting. */
  async function shareOf(db: Db, production: ProductionRow): Promise<number> {
    const others = await waitingShares(db, production.id);
    return production.priority / (production.priority + others);
  }

  /** Jobs of a production that wait, and that its further blocks will have. */
  async function backlogOf(db: Db, production: ProductionRow): Promise<number> {
    const { events, waiting } = await plannedWork(db, production.id);
    const unplanned = Math.max(0, production.events - events);
    return waiting + Math.ceil(unplanned / estimateOf(production).eventsPerJob);
  }

  return { openBlock, place };
}

/** Between two looks for work that can not be placed, at most, ms. */
const LONGEST_PAUSE = 5_000;

/**
 * Until room is looked for again, ms: a tenth of what a job takes (s), for sooner would hardly find more. The very first jobs tell how
 * long that is, so as soon as they have ended the sites can be given more.
 */
function pauseWithoutRoom(jobSeconds: number | null): number {
  return jobSeconds === null ? 200 : Math.max(500, jobSeconds * 100);
}

function wait(why: string, milliseconds: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FABRICA_PLACE_WAIT',
    message: why,
    nextRetryDelay: Math.min(Math.max(milliseconds, 50), LONGEST_PAUSE),
    category: ApplicationFailureCategory.BENIGN,
  });
}

function isScouting(production: Pick<ProductionRow, 'state' | 'resume_state'>): boolean {
  return production.state === 'Scouting';
}

/** Jobs that can share one order: of one kind, with the same limits, and merges of one level in small groups. */
function bundleGroups(jobs: readonly JobRow[], stage: JobStage): JobRow[][] {
  const groups = new Map<string, JobRow[][]>();
  const most = stage === 'merge' ? LARGEST_MERGE_BUNDLE : LARGEST_BUNDLE;
  for (const job of jobs) {
    const key = `${job.kind} ${job.raised} ${job.level ?? ''}`;
    const list = groups.get(key) ?? [];
    const last = list.at(-1);
    if (last === undefined || last.length >= most) list.push([job]);
    else last.push(job);
    groups.set(key, list);
  }
  return [...groups.values()].flat();
}

/** Storages that a job may try to leave an output on: each is looked at for what the job may have left there. */
const MOST_DESTINATIONS = 4;

/** The block's home, then the temporary storages near the site, then any other; at most four of them. */
function temporaryDestinations(
  block: BlockRow,
  site: SiteRow,
  storages: readonly StorageRow[],
  now: number,
): string[] {
  const usable = storages.filter((storage) => effectiveState(storage, now) !== 'Banned');
  const temporary = usable.filter((storage) => storage.purpose === 'temporary');
  const names = new Set(temporary.map((storage) => storage.name));
  const near = nearStorages(site).filter((name) => names.has(name));
  return [...new Set([block.home_storage, ...near, ...names])].slice(0, MOST_DESTINATIONS);
}

/** Where the first copy of a final file shall be: storages of the distribution plan, those near the site first. */
function finalDestinations(
  definition: Definition,
  site: SiteRow,
  storages: readonly StorageRow[],
  now: number,
  turn: number,
): string[] {
  const targets = storages.map((storage) => ({
    name: storage.name,
    area: storage.area,
    purpose: storage.purpose,
    free: storage.free,
    usable: effectiveState(storage, now) !== 'Banned',
  }));
  const near = nearStorages(site);
  const planned = planDistribution(
    { size: 0, present: [], turn },
    { ...definition.distribution, copies: targets.length },
    targets,
  ).copyTo;
  return [...planned]
    .sort((a, b) => Number(near.includes(b)) - Number(near.includes(a)))
    .slice(0, MOST_DESTINATIONS);
}
