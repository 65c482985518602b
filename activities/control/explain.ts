import { blocksOf, countsOf, type BlockRow } from '../../catalog/blocks.js';
import { jobsInBackoff } from '../../catalog/back-off.js';
import type { Db } from '../../catalog/catalog.js';
import { unrecovered } from '../../catalog/epochs.js';
import { eventsOf } from '../../catalog/events.js';
import { lostInputs } from '../../catalog/job-inputs.js';
import { placeableJobs } from '../../catalog/jobs.js';
import { getProduction, revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allStorages, effectiveState, type SiteRow } from '../../catalog/resources.js';
import { productionsNamed } from '../../catalog/shares.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import type {
  ExplainedCounts,
  ExplainedShare,
  ExplainedSite,
  Explanation,
  SiteObstruction,
} from '../../domain/explanation.js';
import { becauseOf, type LostInputs } from '../../policy/explanation.js';
import { placeJobs } from '../../policy/placement.js';
import { siteRooms } from '../../policy/site-room.js';
import { mayUse, type Exclusions } from './closed-sites.js';
import type { ControlContext } from './context.js';
import { destinationsAt, type OutputPlaces } from './destinations.js';
import { readsFiles } from './orders.js';
import {
  MOST_LOOKED_AT,
  type GatheredCase,
  type PlacementCases,
  type Ready,
  type Waiting,
} from './placement-case.js';

/** Entries of the event log in which the last change of state is looked for. */
const LOOKED_AT = 100;

/** Productions that are named beside the explained one. */
const OTHERS_TOLD = 10;

/** Why nothing, or so little, of a production runs: by the same decisions as `place` takes. */
export function explaining(context: ControlContext, cases: PlacementCases) {
  const { catalog, clock } = context;

  /** Explains a production in any state; changes nothing. Throws `FABRICA_PRODUCTION_UNKNOWN`. */
  async function explainPlacement(input: { production: string }): Promise<Explanation> {
    return catalog.read(async (db) => {
      const production = await getProduction(db, input.production);
      const now = clock.now();
      const { definition } = await revisionOf(db, production);
      const blocks = (await blocksOf(db, production.id)).filter(isUnfinished);
      const { able, block, lost, ready, stage } = await nextToGo(
        db,
        { production, definition },
        blocks,
      );
      const waiting: Waiting = { production, definition, block, stage };
      const gathered = await cases.gather(db, waiting, able);
      const places = { ...waiting, storages: await allStorages(db), now };
      const excluded = await exclusionsAt(db, production, now);
      const sites = explainedSites(gathered, places, excluded);
      const { counts, from } = await countsNow(db, production, blocks, gathered);
      const share = await explainedShare(db, production, gathered, counts);
      const { bundles } = placeJobs(gathered.case);
      const takes = new Set(sites.flatMap((one) => (one.obstruction === null ? [one.site] : [])));
      const goes = GOING.includes(production.state);
      const restored = await unrecovered(db);
      const because = becauseOf({
        name: production.name,
        state: production.state,
        reason: production.reason,
        by: await whoChanged(db, production),
        heldForSites: production.held_for === 'sites',
        finishing: production.finish === 'draining',
        unrecovered: restored?.why ?? '',
        counts,
        backoffSeconds: from === null ? null : (from - now) / 1000,
        companySeconds: ready.jobs.length > 0 && ready.why !== '' ? ready.wait / 1000 : null,
        lost,
        ready: able.length,
        throttled: gathered.throttled,
        next: goes
          ? bundles
              .filter(({ site }) => takes.has(site))
              .map(({ jobs, site }) => ({ site, jobs: jobs.length }))
          : [],
        sites,
        share,
      });
      const { group_name: group, name, priority, reason, state } = production;
      return { production: name, state, reason, priority, group, because, counts, share, sites };
    });
  }

  /** The first block with jobs that can go now; if there is none, the first with jobs that wait, or any. */
  async function nextToGo(
    db: Db,
    known: Pick<Waiting, 'definition' | 'production'>,
    blocks: readonly BlockRow[],
  ): Promise<NextToGo> {
    let first: NextToGo | null = null;
    for (const block of blocks) {
      const { jobs, merges } = countsOf(block);
      if (block.state === 'Held' || (jobs.Waiting ?? 0) + (merges.Waiting ?? 0) === 0) continue;
      const stage = (merges.Waiting ?? 0) > 0 ? 'merge' : 'events';
      const waiting: Waiting = { ...known, block, stage };
      const ready = await cases.ready(db, waiting);
      const { lost, unable } = await withoutInputs(db, waiting);
      const able = ready.why === '' ? ready.jobs.filter(({ number }) => !unable.has(number)) : [];
      const found = { block, stage, ready, able, lost } as const;
      if (able.length > 0) return found;
      first ??= found;
    }
    const nothing = { ready: NOTHING_READY, able: [], lost: NOTHING_LOST };
    return first ?? { block: blocks[0] ?? NO_BLOCK, stage: 'events', ...nothing };
  }

  /** Which of the jobs of a block that wait can not read a file, as `place` will find them. */
  async function withoutInputs(
    db: Db,
    { block, definition, production, stage }: Waiting,
  ): Promise<{ lost: LostInputs; unable: ReadonlySet<number> }> {
    if (stage !== 'events' || !readsFiles(production, definition)) {
      return { lost: NOTHING_LOST, unable: new Set() };
    }
    const key = { production: production.id, block: block.number };
    const most = { limit: MOST_LOOKED_AT, avoiding: MOST_LOOKED_AT };
    const range = { now: Number.MAX_SAFE_INTEGER, ...most };
    const jobs = await placeableJobs(db, key, stage, range);
    const now = clock.now();
    const due = new Set(jobs.filter((job) => job.not_before <= now).map(({ number }) => number));
    const found = await lostInputs(
      db,
      production.id,
      jobs.map(({ number }) => number),
    );
    const remade = found.filter((one) => one.remade);
    const lost = {
      remade: remade.length,
      remadeLater: remade.filter(({ job }) => !due.has(job)).length,
      gone: found.filter((one) => !one.remade && due.has(one.job)).length,
    };
    return { lost, unable: new Set(found.map(({ job }) => job)) };
  }

  /** Jobs and merges of blocks that are not finished; and when the first that is in its back-off may go, ms. */
  async function countsNow(
    db: Db,
    production: ProductionRow,
    blocks: readonly BlockRow[],
    gathered: GatheredCase,
  ): Promise<{ counts: ExplainedCounts; from: number | null }> {
    const now = clock.now();
    let waiting = 0;
    let parked = 0;
    let inBackoff = 0;
    let from: number | null = null;
    for (const block of blocks) {
      const { jobs, merges } = countsOf(block);
      parked += (jobs.Parked ?? 0) + (merges.Parked ?? 0);
      const here = (jobs.Waiting ?? 0) + (merges.Waiting ?? 0);
      waiting += here;
      if (here === 0) continue;
      const late = await jobsInBackoff(db, { production: production.id, block: block.number }, now);
      inBackoff += late.jobs;
      if (late.from !== null) from = Math.min(from ?? Infinity, late.from);
    }
    const atSites = gathered.case.sites.reduce((sum, { mine }) => sum + mine, 0);
    const placeable = waiting - inBackoff;
    return { counts: { waiting, placeable, inBackoff, atSites, parked }, from };
  }

  async function explainedShare(
    db: Db,
    production: ProductionRow,
    { grid }: GatheredCase,
    { atSites }: ExplainedCounts,
  ): Promise<ExplainedShare | null> {
    const sums = [...grid.parts].map(([id, parts]) => ({
      id,
      part: [...parts.values()].reduce((sum, one) => sum + one, 0),
    }));
    const mine = sums.find(({ id }) => id === production.id);
    if (mine === undefined) return null;
    const most = sums
      .filter((one) => one !== mine)
      .sort((a, b) => b.part - a.part || a.id - b.id)
      .slice(0, OTHERS_TOLD);
    const names = await productionsNamed(
      db,
      most.map(({ id }) => id),
    );
    const others = most.flatMap(({ id, part }) => {
      const row = names.get(id);
      return row === undefined ? [] : [{ ...row, part }];
    });
    return { part: mine.part, atSites, productions: sums.length, others };
  }

  function explainedSites(
    gathered: GatheredCase,
    places: OutputPlaces & Waiting,
    excluded: Exclusions,
  ): ExplainedSite[] {
    const { rooms, passedOver } = siteRooms(gathered.case);
    const over = new Map(passedOver.map((one) => [one.site, one]));
    return gathered.case.sites.flatMap((one) => {
      const row = gathered.sites.find(({ name }) => name === one.name);
      if (row === undefined) return [];
      const passed = over.get(one.name);
      const nowhere = passed === undefined && destinationsAt(row, places).length === 0;
      const obstruction =
        passed?.kind === 'closed'
          ? closedBy(row, places, excluded)
          : (passed?.kind ?? (nowhere ? 'storage' : null));
      return [
        {
          site: one.name,
          state: effectiveState(row, places.now),
          slots: one.slots,
          open: one.open,
          mine: one.mine,
          part: Number.isFinite(one.part) ? one.part : null,
          room: nowhere ? 0 : (rooms.get(one.name) ?? 0),
          obstruction,
          why: whyPassed(obstruction, row, gathered) ?? passed?.why ?? '',
          near: one.near,
          failing: one.failing,
          speed: one.speed,
        },
      ];
    });
  }

  /** What is known better here than by the placement; null if nothing is. */
  function whyPassed(
    obstruction: SiteObstruction | null,
    site: SiteRow,
    { throttled }: GatheredCase,
  ): string | null {
    if (obstruction === 'banned') return banOf(site);
    if (obstruction === 'limit') return throttled;
    return obstruction === 'storage' ? 'no storage takes its outputs' : null;
  }

  /** Which of the reasons of `whyClosed` it is. */
  function closedBy(
    site: SiteRow,
    { definition, now }: Pick<OutputPlaces, 'definition' | 'now'>,
    excluded: Exclusions,
  ): SiteObstruction {
    if (site.epoch !== catalog.epoch) return 'epoch';
    const state = effectiveState(site, now);
    if (state === 'Banned' || state === 'Probing') return 'banned';
    if (!mayUse(definition, site)) return 'unlisted';
    return excluded.has(site.name) ? 'left-out' : 'banned';
  }

  function banOf(site: SiteRow): string {
    const now = clock.now();
    const { override_by: by, override_reason: reason, override_until: until } = site;
    const state = effectiveState(site, now);
    // A person's word that has expired is not whose ban it is.
    if (site.override === null || (until !== null && until <= now)) return `${state} by Fabrica`;
    const end = until === null ? '' : ` until ${new Date(until).toISOString().slice(0, 16)}Z`;
    return `${state} by ${by ?? ''}${end}${reason === null || reason === '' ? '' : `: ${reason}`}`;
  }

  return { explainPlacement };
}

/** A block whose jobs are next. */
interface NextToGo extends Pick<Waiting, 'block' | 'stage'> {
  readonly ready: Ready;
  /** Jobs that are ready, and whose files are there. */
  readonly able: Ready['jobs'];
  readonly lost: LostInputs;
}

/** States in which jobs are placed. */
const GOING: readonly string[] = ['Active', 'Scouting'];

/** A block that has something left to do. */
function isUnfinished({ state }: BlockRow): boolean {
  return state !== 'Finished' && state !== 'Discarded';
}

const NO_BLOCK = { number: -1, home_storage: '', counts: '{}', jobs: 0 };
const NOTHING_LOST: LostInputs = { remade: 0, remadeLater: 0, gone: 0 };
const NOTHING_READY: Ready = { jobs: [], why: '', wait: 0 };

/** Who has brought it into its present state; empty if that is long ago. */
async function whoChanged(db: Db, { id, state }: ProductionRow): Promise<string> {
  const events = await eventsOf(db, id, LOOKED_AT);
  return events.find(({ what }) => what.endsWith(`-> ${state}`))?.who ?? '';
}
