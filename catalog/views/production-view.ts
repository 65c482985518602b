import type { Definition } from '../../domain/definition.js';
import type { BlockCounts, ProductionProgress } from '../../domain/progress.js';
import type { BlockState } from '../../domain/states/block.js';
import type { HeldFor } from '../../domain/states/production.js';
import { blocksOf, countsOf } from '../blocks.js';
import type { Db } from '../catalog.js';
import { eventsOf } from '../events.js';
import { revisionOf, type ProductionRow } from '../productions.js';
import { progressOf } from '../progress.js';
import { countRemnants } from '../remnants.js';
import { exclusionsAt } from '../tallies.js';
import { lineageOf, type LineageView } from './lineage.js';
import { nextPlacement, openBySite } from './open-work.js';

/** A block as a line of a production's page. */
export interface BlockSummary {
  readonly block: number;
  readonly state: BlockState;
  readonly reason: string;
  readonly homeStorage: string;
  readonly jobs: number;
  readonly events: number;
  readonly counts: BlockCounts;
}

/** One entry of the event log. */
export interface EventLine {
  readonly id: number;
  readonly at: number;
  readonly who: string;
  readonly block: number | null;
  readonly what: string;
  readonly why: string;
}

/** A definition that was registered under the name. */
export interface RevisionLine {
  readonly revision: number;
  readonly submittedBy: string;
  readonly createdAt: number;
}

/** Everything that a production's page tells. Times in ms since 1970. */
export interface ProductionView {
  readonly name: string;
  readonly group: string;
  readonly owner: string;
  readonly description: string;
  /** `sites`: it is held because no site takes its jobs, and goes on when one does. */
  readonly heldFor: HeldFor | null;
  readonly campaign: string;
  readonly revision: number;
  /** All of them, the oldest first. */
  readonly revisions: readonly RevisionLine[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
  readonly progress: ProductionProgress;
  /** The outputs are merged before they are distributed. */
  readonly merges: boolean;
  readonly lineage: LineageView;
  /** What the scouts measured (`policy/estimate.ts`); null before the verdict. */
  readonly estimate: Readonly<Record<string, number | null>> | null;
  /** Blocks that are not finished, in order; then, up to the limit, the newest finished ones. */
  readonly blocks: readonly BlockSummary[];
  readonly blocksInAll: number;
  /** Jobs at sites now. */
  readonly openBySite: Readonly<Record<string, number>>;
  /** When the first waiting job may be placed; null if none waits. */
  readonly nextPlacementAt: number | null;
  /** Sites that the production leaves out at present, for too many failures there. */
  readonly leftOut: readonly { site: string; why: string; until: number }[];
  readonly remnants: readonly { storage: string; state: string; remnants: number }[];
  /** The newest first. */
  readonly log: readonly EventLine[];
  readonly definition: Definition;
}

/** The page of a production: at most `blocks` blocks and `events` entries of its log. */
export async function viewProduction(
  db: Db,
  production: ProductionRow,
  options: { readonly now: number; readonly blocks: number; readonly events: number },
): Promise<ProductionView> {
  const { definition } = await revisionOf(db, production);
  const blocks = await blocksOf(db, production.id);
  const ended = (state: BlockState): boolean => state === 'Finished' || state === 'Discarded';
  const shown = [
    ...blocks.filter((block) => !ended(block.state)),
    ...blocks.filter((block) => ended(block.state)).reverse(),
  ].slice(0, options.blocks);
  return {
    name: production.name,
    group: production.group_name,
    owner: production.owner,
    description: production.description,
    heldFor: production.held_for,
    campaign: production.campaign,
    revision: production.revision,
    revisions: await revisionLines(db, production.id),
    createdAt: production.created_at,
    updatedAt: production.updated_at,
    finishedAt: production.finished_at,
    progress: await progressOf(db, production, options.now),
    merges: definition.merge !== undefined,
    lineage: await lineageOf(db, production),
    // Written by control's `saveEstimate` only.
    estimate:
      production.estimate === null
        ? null
        : (JSON.parse(production.estimate) as Record<string, number | null>),
    blocks: shown.map((block) => ({
      block: block.number,
      state: block.state,
      reason: block.reason,
      homeStorage: block.home_storage,
      jobs: block.jobs,
      events: block.events,
      counts: countsOf(block),
    })),
    blocksInAll: blocks.length,
    openBySite: await openBySite(db, production.id),
    nextPlacementAt: await nextPlacement(db, production.id),
    leftOut: [...(await exclusionsAt(db, production, options.now)).values()]
      .map(({ site, until, why }) => ({ site, why, until }))
      .sort((a, b) => a.site.localeCompare(b.site)),
    remnants: await countRemnants(db, production.id),
    log: await logLines(db, production.id, options.events),
    definition,
  };
}

async function revisionLines(db: Db, production: number): Promise<RevisionLine[]> {
  return db
    .selectFrom('revisions')
    .select(['revision', 'submitted_by as submittedBy', 'created_at as createdAt'])
    .where('production_id', '=', production)
    .orderBy('revision')
    .execute();
}

/** The newest entries of a production's log, newest first. */
export async function logLines(db: Db, production: number, limit: number): Promise<EventLine[]> {
  const events = await eventsOf(db, production, limit);
  return events.map(({ id, at, who, block, what, why }) => ({
    id,
    at,
    who,
    block: block ?? null,
    what,
    why,
  }));
}
