import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  bundlesOfTicket,
  getBundle,
  insertBundle,
  openBundles,
  type BundleRow,
} from '../../catalog/attempts.js';
import {
  changeBlockState,
  getBlock,
  countMoves,
  recountMerges,
  waitingIn,
  type BlockRow,
} from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import type { JobStage, PlaceableJob } from '../../catalog/jobs.js';
import {
  changeProductionState,
  revisionOf,
  type ProductionRow,
} from '../../catalog/productions.js';
import { allStorages } from '../../catalog/resources.js';
import type { BundleOrder, JobRecipe } from '../../domain/bundle.js';
import { NOTHING_PACKED } from '../../domain/packed.js';
import type { BlockState } from '../../domain/states/block.js';
import type { ProductionState } from '../../domain/states/production.js';
import { placeJobs } from '../../policy/placement.js';
import { LARGEST_BUNDLE } from '../../policy/site-room.js';
import { whyNoSite } from './closed-sites.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { destinationsAt } from './destinations.js';
import { giveUpWaiting } from './finish.js';
import { jsonBytes, LARGEST_ANSWER } from './answer-size.js';
import { parkWithoutInputs } from './input-losses.js';
import { orderOf, readsFiles } from './orders.js';
import { isScouting, type PlacementCases } from './placement-case.js';

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

/** What has come of jobs that might go. */
interface Placed {
  readonly made: readonly BundleRow[];
  readonly parked: boolean;
  /** It was written which of them have to wait, are parked, or read other files: that counts also when none goes. */
  readonly changed: boolean;
  /** Why none goes now; null if some do, or sites decide. */
  readonly failure: ApplicationFailure | null;
}

const NOTHING_PLACED = { made: [], parked: false, changed: false } as const;

/** Merges take long, and one site does those of a bundle. */
const LARGEST_MERGE_BUNDLE = 50;

/** The gate: which jobs go where, now. */
export function placing(context: ControlContext, cases: PlacementCases) {
  const { catalog, clock } = context;

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
        const size = jsonBytes(order);
        orders.push(size <= left ? order : shortened(order));
        left -= Math.min(size, left);
      }
      // Also while it is held, or has just been paused: it goes on with its scouts.
      const scouting = isScouting(production) || production.resume_state === 'Scouting';
      return { state: block.state, scouting, bundles: orders };
    });
  }

  /** The whole order of a bundle that was too large for an answer with others. */
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
      const held = production.held_for === 'sites';
      if (held) {
        const why = await whyNoSite(context, db, production);
        if (why !== null) throw wait(why, 2_000);
        const to = production.resume_state ?? 'Active';
        await heldChange(db, production, { to, why: 'a site takes its jobs again' });
      }
      if (production.state !== 'Active' && !isScouting(production)) {
        throw wait(`${production.name} is ${production.state}: ${production.reason}`, 2_000);
      }
      const placed = await placeNow(db, production, block, input);
      let { failure } = placed;
      if (failure === null && placed.made.length === 0 && !placed.parked) {
        const why = await whyNoSite(context, db, production);
        if (why !== null) {
          await heldChange(db, production, { to: 'Held', why, heldFor: 'sites' });
          return wait(why, 2_000);
        }
        failure = wait('no site or no storage has room', pauseWithoutRoom(production.job_seconds));
      }
      if (failure === null) return answer(db, production, placed.made, input);
      if (held || placed.changed) return failure;
      throw failure;
    });
    // Thrown only now: what was written stays, the state of the production and what was found out about its jobs.
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

  async function placeNow(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    input: { stage: JobStage; ticket: string },
  ): Promise<Placed> {
    const now = clock.now();
    const key = { production: production.id, block: block.number };
    const { definition } = await revisionOf(db, production);
    const waiting = { production, definition, block, stage: input.stage };
    const rooms = await cases.withoutJobs(db, waiting);
    const ready = await cases.ready(db, waiting, cases.most(waiting, rooms));
    if (ready.why !== '') return { ...NOTHING_PLACED, failure: wait(ready.why, ready.wait) };
    const { able, ...looked } =
      input.stage === 'events' && readsFiles(production, definition)
        ? await parkWithoutInputs(db, production, block, ready.jobs, now)
        : { able: ready.jobs, parked: 0, changed: false };
    const { changed } = looked;
    const parked = looked.parked > 0;
    if (able.length === 0 && ready.jobs.length > 0 && !parked) {
      return { ...NOTHING_PLACED, changed, failure: wait('what they read is made again', 0) };
    }
    const gathered = await cases.withJobs(db, waiting, rooms, able);
    if (gathered.throttled !== '') {
      const failure = wait(gathered.throttled, pauseWithoutRoom(production.job_seconds));
      return { ...NOTHING_PLACED, changed, failure };
    }
    const placement = placeJobs(gathered.case);
    const places = { ...waiting, storages: await allStorages(db), now };
    const byNumber = new Map(gathered.jobs.map((job) => [job.number, job]));
    const made: BundleRow[] = [];
    for (const { site, jobs: numbers } of placement.bundles) {
      const chosen = numbers.flatMap((number) => byNumber.get(number) ?? []);
      const siteRow = gathered.sites.find((row) => row.name === site);
      if (siteRow === undefined) continue;
      for (const group of bundleGroups(chosen, input.stage)) {
        const destinations = destinationsAt(siteRow, places, group[0]?.file_index);
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
    const answered = { made, parked, changed, failure: null };
    if (made.length === 0) return answered;
    const sent = made.reduce((sum, bundle) => sum + bundle.jobs, 0);
    cases.sent(production, sent, gathered);
    if (input.stage === 'merge') await recountMerges(db, key);
    else {
      await countMoves(db, block, [{ from: 'Waiting', to: 'Submitted', jobs: sent, events: 0 }]);
    }
    return answered;
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

  return { openBlock, bundleOrder, place };
}

/** An order that says that what its jobs are is to be asked for (`bundleOrder`). */
function shortened(order: BundleOrder): BundleOrder {
  return { ...order, recipe: NO_RECIPE, ranges: [], inputs: NOTHING_PACKED, incomplete: true };
}

const NO_RECIPE: JobRecipe = {
  command: [],
  environment: '',
  payload: [],
  outputs: [],
  validation: [],
  wallSeconds: 0,
  memoryMB: 0,
  diskMB: 0,
  destinations: [],
  claims: '',
};

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

/** Jobs that can share one order: of one kind, with the same limits, and merges of one level in small groups. */
function bundleGroups(jobs: readonly PlaceableJob[], stage: JobStage): PlaceableJob[][] {
  const groups = new Map<string, PlaceableJob[][]>();
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
