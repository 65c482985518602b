import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  bundlesOfTicket,
  getBundle,
  insertBundle,
  openBundles,
  placedSince,
  type BundleRow,
} from '../../catalog/attempts.js';
import {
  changeBlockState,
  countsOf,
  getBlock,
  countMoves,
  plannedWork,
  recountMerges,
  waitingIn,
  type BlockRow,
} from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import {
  firstPlacement,
  placeableJobs,
  type JobStage,
  type PlaceableJob,
} from '../../catalog/jobs.js';
import {
  changeProductionState,
  revisionOf,
  type ProductionRow,
} from '../../catalog/productions.js';
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
import { claims } from '../../catalog/shares.js';
import type { BundleOrder } from '../../domain/bundle.js';
import type { Definition } from '../../domain/definition.js';
import { NOTHING_PACKED } from '../../domain/packed.js';
import type { BlockState } from '../../domain/states/block.js';
import type { ProductionState } from '../../domain/states/production.js';
import { planDistribution } from '../../policy/distribution-plan.js';
import { placeJobs, LARGEST_BUNDLE, type PlacementSite } from '../../policy/placement.js';
import { untilCompany } from '../../policy/retry.js';
import { shareGrid, type GridShares } from '../../policy/shares.js';
import { StartBalance } from '../../policy/start-balance.js';
import { mostAtSites, roomThisMinute, throttled } from '../../policy/throttle.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { estimateOf } from './estimates.js';
import { giveUpWaiting } from './finish.js';
import { FILES_OF_BUNDLE, LARGEST_ANSWER, nearInputs } from './near-inputs.js';
import { parkWithoutInputs } from './input-losses.js';
import { orderOf, readsFiles } from './orders.js';

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
  const { catalog, clock, configuration } = context;
  const balance = new StartBalance();
  const limits = new Map(configuration.sites.map((site) => [site.name, site.jobsPerMinute]));
  let shares: { readonly at: number; readonly grid: GridShares } | undefined;

  async function openBlock(input: BlockRef): Promise<OpenedBlock> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const block = await getBlock(db, { production: production.id, block: input.block });
      if (block.state === 'Planned') {
        await changeBlockState(db, block, { to: 'Fabricating', why: '', now: clock.now() });
      }
      const bundles = await openBundles(db, production.id, block.number);
      let left = LARGEST_ANSWER;
      const orders: BundleOrder[] = [];
      for (const bundle of bundles) {
        const order = await orderOf(context, db, production, bundle);
        const { length } = order.inputs;
        orders.push(length <= left ? order : withoutFiles(order));
        left -= Math.min(length, left);
      }
      return { state: block.state, scouting: isScouting(production), bundles: orders };
    });
  }

  /** The whole order of a bundle whose files were too many for an answer with others. */
  async function bundleOrder(input: BlockRef & { bundle: number }): Promise<BundleOrder> {
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const bundle = await getBundle(db, production.id, input.bundle);
      return orderOf(context, db, production, bundle);
    });
  }

  /**
   * Places jobs of a stage that wait. The same ticket gives the same answer again. While nothing can be placed it fails with
   * `FABRICA_PLACE_WAIT`, and Temporal asks again after a while without writing any history.
   */
  async function place(
    input: BlockRef & { stage: JobStage; ticket: string },
  ): Promise<PlaceAnswer> {
    const answered = await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const before = await bundlesOfTicket(db, production.id, input.block, input.ticket);
      if (before.length > 0) return answer(db, production, before, input);

      const block = await getBlock(db, key);
      if (waitingIn(block, input.stage) === 0) return { bundles: [], waiting: 0 };
      if (production.finish === 'draining' && input.stage === 'events') {
        await giveUpWaiting(db, production, block, clock.now());
        return { bundles: [], waiting: 0 };
      }
      if (production.held_for === 'sites') {
        const why = await whyNoSite(db, production);
        if (why !== null) throw wait(why, 2_000);
        const to = production.resume_state ?? 'Active';
        await heldChange(db, production, { to, why: 'a site takes its jobs again' });
      }
      if (production.state !== 'Active' && !isScouting(production)) {
        throw wait(`${production.name} is ${production.state}: ${production.reason}`, 2_000);
      }
      const { made, parked } = await placeNow(db, production, block, input);
      if (made.length === 0 && !parked) {
        const why = await whyNoSite(db, production);
        if (why === null) {
          throw wait('no site or no storage has room', pauseWithoutRoom(production.job_seconds));
        }
        await heldChange(db, production, { to: 'Held', why, heldFor: 'sites' });
        return wait(why, 2_000);
      }
      return answer(db, production, made, input);
    });
    // Thrown only now: the production stays held.
    if (answered instanceof ApplicationFailure) throw answered;
    return answered;
  }

  async function heldChange(
    db: Db,
    production: ProductionRow,
    change: { to: ProductionState; why: string; heldFor?: 'sites' },
  ): Promise<void> {
    await changeProductionState(db, production, { ...change, who: 'fabrica', now: clock.now() });
  }

  /** Why none of the sites that the production may use takes its jobs; null if one does, or is just being tried. */
  async function whyNoSite(db: Db, production: ProductionRow): Promise<string | null> {
    const now = clock.now();
    const { definition } = await revisionOf(db, production);
    const excluded = await exclusionsAt(db, production, now);
    const listed = (await allSites(db)).filter((site) => mayUse(definition, site));
    const closed = listed.map((site) => ({ site, why: whyClosed(site, definition, excluded) }));
    const trying = listed.some((site) => effectiveState(site, now) === 'Probing');
    if (trying || closed.some(({ why }) => why === '')) return null;
    const shown = closed.slice(0, SITES_TOLD).map(({ site, why }) => `${site.name} (${why})`);
    const more = closed.length > SITES_TOLD ? ` and ${closed.length - SITES_TOLD} more` : '';
    return `no site takes its jobs: ${shown.join(', ')}${more}`;
  }

  /** Why nothing of a production may go to a site; empty if it may. */
  function whyClosed(
    site: SiteRow,
    definition: Definition,
    excluded: Awaited<ReturnType<typeof exclusionsAt>>,
  ): string {
    const state = effectiveState(site, clock.now());
    if (site.epoch !== catalog.epoch) {
      return 'jobs of an earlier epoch may still run there: `fabrica recover`';
    }
    if (state === 'Banned' || state === 'Probing') {
      return `${state}${site.override_reason === null ? '' : `: ${site.override_reason}`}`;
    }
    return mayUse(definition, site)
      ? (excluded.get(site.name)?.why ?? '')
      : 'not in the definition';
  }

  async function placeNow(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    input: { stage: JobStage; ticket: string },
  ): Promise<{ made: BundleRow[]; parked: boolean }> {
    const now = clock.now();
    const key = { production: production.id, block: block.number };
    const { definition } = await revisionOf(db, production);
    const waiting = await placeableJobs(db, key, input.stage, { now, limit: 4 * LARGEST_BUNDLE });
    const first = Math.min(...waiting.map((job) => job.not_before));
    if (waiting.length === 0) {
      const from = (await firstPlacement(db, key, input.stage)) ?? now;
      throw wait('every waiting job is in its back-off', from - now);
    }
    const { jobs: counts } = countsOf(block);
    const company = untilCompany({
      placeable: waiting.length,
      since: first,
      now,
      open: (counts.Submitted ?? 0) + (counts.Running ?? 0),
      blockJobs: block.jobs,
    });
    if (input.stage === 'events' && !isScouting(production) && company > 0) {
      throw wait('jobs that have failed wait for others to go with', company);
    }
    const sites = await allSites(db);
    const merging = input.stage === 'merge';
    const reading = !merging && readsFiles(production, definition);
    const { able, parked } = reading
      ? await parkWithoutInputs(db, production, block, waiting, now)
      : { able: waiting, parked: 0 };
    const { files, jobs, prefers } =
      reading || merging
        ? await nearInputs(db, production, able, merging || isScouting(production) ? [] : sites)
        : { files: NONE, jobs: able, prefers: NONE };
    const storages = await allStorages(db);
    const urgent = input.stage === 'merge' || isScouting(production);
    const lastMinute = await placedSince(db, now - 60_000);
    const open = await openAtSites(db, production.id);
    const throttle = throttled(definition.throttle, {
      open: [...open.values()].reduce((sum, { mine }) => sum + mine, 0),
      sent: jobsOf(lastMinute.filter((one) => one.production === production.id)),
    });
    if (throttle.jobs === 0) throw wait(throttle.why, pauseWithoutRoom(production.job_seconds));
    const grid = urgent ? NOT_SHARED : await gridShares(db, sites, production.id, now);
    const placement = placeJobs({
      jobs: jobs.map((job) => ({
        job: job.number,
        avoid: JSON.parse(job.avoid) as string[],
        prefers: prefers.get(job.number) ?? [],
      })),
      // Scouts are spread; the merges of a block go together.
      backlog: isScouting(production)
        ? 0
        : input.stage === 'merge'
          ? Infinity
          : await backlogOf(db, production),
      sites: await placementSites(db, production, {
        block,
        definition,
        sites,
        grid,
        open,
        lastMinute,
      }),
      most: throttle.jobs,
      urgent,
      owed: balance.correction(production.id) >= 1,
      jobSeconds: input.stage === 'merge' ? null : (grid.jobSeconds ?? production.job_seconds),
    });
    const byNumber = new Map(jobs.map((job) => [job.number, job]));
    const made: BundleRow[] = [];
    for (const { site, jobs: numbers } of placement.bundles) {
      const chosen = numbers.flatMap((number) => byNumber.get(number) ?? []);
      const siteRow = sites.find((row) => row.name === site);
      if (siteRow === undefined) continue;
      for (const group of bundleGroups(chosen, input.stage, files)) {
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
    const answered = { made, parked: parked > 0 };
    if (made.length === 0) return answered;
    const sent = made.reduce((sum, bundle) => sum + bundle.jobs, 0);
    balance.started(production.id, sent, grid, now);
    if (input.stage === 'merge') await recountMerges(db, key);
    else {
      await countMoves(db, block, [{ from: 'Waiting', to: 'Submitted', jobs: sent, events: 0 }]);
    }
    return answered;
  }

  async function placementSites(
    db: Db,
    production: ProductionRow,
    { block, definition, grid, lastMinute, open, sites }: PlacingView,
  ): Promise<PlacementSite[]> {
    const parts = grid.parts.get(production.id);
    const now = clock.now();
    const excluded = await exclusionsAt(db, production, now);
    return sites.map((site) => {
      return {
        name: site.name,
        slots: site.slots,
        open: open.get(site.name)?.open ?? 0,
        mine: open.get(site.name)?.mine ?? 0,
        closed: whyClosed(site, definition, excluded),
        near: nearStorages(site).includes(block.home_storage),
        part: parts?.get(site.name) ?? 0,
        takes: roomThisMinute(
          limits.get(site.name),
          jobsOf(lastMinute.filter((one) => one.site === site.name)),
        ),
      };
    });
  }

  async function answer(
    db: Db,
    production: ProductionRow,
    bundles: readonly BundleRow[],
    input: { block: number; stage: JobStage },
  ): Promise<PlaceAnswer> {
    const orders: BundleOrder[] = [];
    for (const bundle of bundles) {
      if (bundle.open > 0) orders.push(await orderOf(context, db, production, bundle));
    }
    const block = await getBlock(db, { production: production.id, block: input.block });
    return { bundles: orders, waiting: waitingIn(block, input.stage) };
  }

  /** How the usable sites are divided between all productions, as of `SHARES_LAST` ago at most. */
  async function gridShares(
    db: Db,
    sites: readonly SiteRow[],
    production: number,
    now: number,
  ): Promise<GridShares> {
    const known =
      shares !== undefined && now - shares.at < SHARES_LAST && shares.grid.parts.has(production);
    if (shares === undefined || !known) {
      const usable = sites.filter(
        (site) => !['Banned', 'Probing'].includes(effectiveState(site, now)),
      );
      const all = (await claims(db)).map(({ open, throttle, unplanned, waiting, ...claim }) => ({
        ...claim,
        jobs: Math.min(
          unplanned ? Infinity : open + waiting,
          mostAtSites(throttle, claim.jobSeconds),
        ),
        correction: balance.correction(claim.production),
      }));
      shares = { at: now, grid: shareGrid(all, usable, configuration.groups) };
    }
    return shares.grid;
  }

  /** Jobs of a production that wait, and that its further blocks will have. */
  async function backlogOf(db: Db, production: ProductionRow): Promise<number> {
    const { events, waiting } = await plannedWork(db, production.id);
    const unplanned = Math.max(0, production.events - events);
    return waiting + Math.ceil(unplanned / estimateOf(production).eventsPerJob);
  }

  return { openBlock, bundleOrder, place };
}

/** Nothing that is read. */
const NONE: ReadonlyMap<number, never> = new Map<number, never>();

/** An order that says that its files are to be asked for (`bundleOrder`). */
function withoutFiles(order: BundleOrder): BundleOrder {
  return { ...order, inputs: NOTHING_PACKED, incomplete: true };
}

/** Sites that are named when none takes jobs. */
const SITES_TOLD = 5;

function mayUse({ sites }: Definition, { name }: SiteRow): boolean {
  return sites.length === 0 || sites.includes(name);
}

/** What placement looks at. */
interface PlacingView {
  readonly block: BlockRow;
  readonly definition: Definition;
  readonly sites: readonly SiteRow[];
  readonly grid: GridShares;
  readonly open: Awaited<ReturnType<typeof openAtSites>>;
  readonly lastMinute: Awaited<ReturnType<typeof placedSince>>;
}

function jobsOf(sent: PlacingView['lastMinute']): number {
  return sent.reduce((sum, { jobs }) => sum + jobs, 0);
}

/** ms; also how soon a new priority is obeyed, at the latest. */
const SHARES_LAST = 1_000;

/** Scouts and merges go beside the shares. */
const NOT_SHARED: GridShares = { jobSeconds: null, parts: new Map(), starts: new Map() };

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
function bundleGroups(
  jobs: readonly PlaceableJob[],
  stage: JobStage,
  files: ReadonlyMap<number, number>,
): PlaceableJob[][] {
  const groups = new Map<string, PlaceableJob[][]>();
  const named = new Map<string, number>();
  const most = stage === 'merge' ? LARGEST_MERGE_BUNDLE : LARGEST_BUNDLE;
  for (const job of jobs) {
    const key = `${job.kind} ${job.raised} ${job.level ?? ''}`;
    const list = groups.get(key) ?? [];
    const last = list.at(-1);
    const own = files.get(job.number) ?? 0;
    const sum = (named.get(key) ?? 0) + own;
    const full = last === undefined || last.length >= most || sum > FILES_OF_BUNDLE;
    if (full) list.push([job]);
    else last.push(job);
    named.set(key, full ? own : sum);
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
