import { blocksOf, countsOf, plannedWork, type BlockRow } from '../../catalog/blocks.js';
import { jobsInBackoff } from '../../catalog/back-off.js';
import type { Db } from '../../catalog/catalog.js';
import { unrecovered } from '../../catalog/epochs.js';
import { eventsOf } from '../../catalog/events.js';
import { getProduction, revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allStorages } from '../../catalog/resources.js';
import { productionsNamed } from '../../catalog/shares.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import type { ExplainedCounts, ExplainedShare, Explanation } from '../../domain/explanation.js';
import { LIVE_PRODUCTION_STATES, type ProductionState } from '../../domain/states/production.js';
import { becauseOf } from '../../policy/explanation.js';
import { placeJobs } from '../../policy/placement.js';
import type { GridShares } from '../../policy/shares.js';
import { commandCase } from './command-effect.js';
import type { ControlContext } from './context.js';
import { explainedSites, sitesAtRest } from './explained-sites.js';
import { nextToGo } from './next-to-go.js';
import type { GatheredCase, PlacementCases, Waiting } from './placement-case.js';

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
      const known = { production, definition };
      const next = await nextToGo(db, cases, known, { blocks, now });
      const { able, block, lost, ready, stage } = next;
      const waiting: Waiting = { production, definition, block, stage };
      const gathered = await cases.gather(db, waiting, able);
      const places = { ...waiting, storages: await allStorages(db), now };
      const excluded = await exclusionsAt(db, production, now);
      const heldForSites = production.held_for === 'sites';
      const goes = GOING.includes(production.state);
      const { counts, from } = await countsNow(db, production, blocks, { gathered, now });
      // Merges go beside the shares; the jobs that wait behind them do not.
      const behind = stage === 'merge' && counts.waiting > counts.merges;
      const { grid } = behind
        ? await cases.withoutJobs(db, { ...waiting, stage: 'events' })
        : gathered;
      const all = explainedSites(context, { ...gathered, grid }, places, excluded);
      const sites = goes ? all : sitesAtRest(all, { waitsForSites: heldForSites });
      const share = goes ? await explainedShare(db, production, grid, counts) : null;
      const { bundles } = placeJobs(gathered.case);
      const takes = new Set(sites.flatMap((one) => (one.obstruction === null ? [one.site] : [])));
      const restored = await unrecovered(db);
      const because = becauseOf({
        ...commandCase(production),
        reason: production.reason,
        by: await whoChanged(db, production),
        heldForSites,
        unrecovered: restored?.why ?? '',
        counts,
        backoffSeconds: from === null ? null : (from - now) / 1000,
        companySeconds: ready.jobs.length > 0 && ready.why !== '' ? ready.wait / 1000 : null,
        lost,
        ready: able.length,
        mergesNext: stage === 'merge' && able.length > 0,
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

  return { explainPlacement };
}

/** States in which jobs are placed. */
const GOING: readonly string[] = ['Active', 'Scouting'];

const ENDING: readonly ProductionState[] = ['Cancelling', 'Cleaning'];

/** A block that has something left to do. */
function isUnfinished({ state }: BlockRow): boolean {
  return state !== 'Finished' && state !== 'Discarded';
}

/** Jobs and merges of blocks that are not finished; and when the first that is in its back-off may go, ms. */
async function countsNow(
  db: Db,
  production: ProductionRow,
  blocks: readonly BlockRow[],
  { gathered, now }: { readonly gathered: GatheredCase; readonly now: number },
): Promise<{ counts: ExplainedCounts; from: number | null }> {
  let waiting = 0;
  let mergesWait = 0;
  let parked = 0;
  let inBackoff = 0;
  let from: number | null = null;
  for (const block of blocks) {
    const { jobs, merges } = countsOf(block);
    parked += (jobs.Parked ?? 0) + (merges.Parked ?? 0);
    const here = (jobs.Waiting ?? 0) + (merges.Waiting ?? 0);
    waiting += here;
    mergesWait += merges.Waiting ?? 0;
    if (here === 0) continue;
    const late = await jobsInBackoff(db, { production: production.id, block: block.number }, now);
    inBackoff += late.jobs;
    if (late.from !== null) from = Math.min(from ?? Infinity, late.from);
  }
  const atSites = gathered.case.sites.reduce((sum, { mine }) => sum + mine, 0);
  const placeable = waiting - inBackoff;
  const unplannedEvents = await unplannedOf(db, production);
  const counts = { waiting, merges: mergesWait, placeable, inBackoff, atSites, parked };
  return { counts: { ...counts, unplannedEvents }, from };
}

/** Events that no block has yet. Of one that is being finished, or that ends, none will. */
async function unplannedOf(db: Db, { events, finish, id, state }: ProductionRow): Promise<number> {
  if (finish !== null || !LIVE_PRODUCTION_STATES.includes(state) || ENDING.includes(state))
    return 0;
  const planned = await plannedWork(db, id);
  return Math.max(0, events - planned.events);
}

async function explainedShare(
  db: Db,
  production: ProductionRow,
  grid: GridShares,
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

/** Who has brought it into its present state; empty if that is long ago. */
async function whoChanged(db: Db, { id, state }: ProductionRow): Promise<string> {
  const events = await eventsOf(db, id, LOOKED_AT);
  return events.find(({ what }) => what.endsWith(`-> ${state}`))?.who ?? '';
}
