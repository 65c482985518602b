import type { ProductionState } from './states/production.js';
import type { ResourceState } from './states/resource.js';

/** Why a site gets none of a production's jobs now. */
export const SITE_OBSTRUCTIONS = [
  'banned',
  'epoch',
  'unlisted',
  'left-out',
  'rate',
  'full',
  'failures',
  'limit',
  'share',
  'storage',
] as const;
export type SiteObstruction = (typeof SITE_OBSTRUCTIONS)[number];

/** A site, as the jobs of a production see it now. */
export interface ExplainedSite {
  readonly site: string;
  readonly state: ResourceState;
  readonly slots: number;
  /** Jobs there, of all productions: those that run, and those that wait in its queue. */
  readonly open: number;
  /** Those of this one. */
  readonly mine: number;
  /** Jobs that are its part of the site; null if it shares with nobody, or has nothing to place. */
  readonly part: number | null;
  /** Jobs that it could get now; null if nothing of the production may start, wherever there is room. */
  readonly room: number | null;
  /** What it is passed over for; null if it has room, or nothing may start. */
  readonly obstruction: SiteObstruction | null;
  /** The same for people; empty if it has room. */
  readonly why: string;
  /** It is near the home storage of the block that is placed next. */
  readonly near: boolean;
  /** Share of the production's jobs that has failed there of late by the site's fault. */
  readonly failing: number;
  /** HS23 of a core. */
  readonly speed: number;
}

/** How many jobs and merges of a production are where. */
export interface ExplainedCounts {
  readonly waiting: number;
  /** Of those that wait: merges, which go beside the shares. */
  readonly merges: number;
  /** Of those that wait: whose back-off is over. */
  readonly placeable: number;
  readonly inBackoff: number;
  readonly atSites: number;
  readonly parked: number;
  /** Events that no block has yet: their jobs are planned later. */
  readonly unplannedEvents: number;
}

/** Which part of the grid a production is due. */
export interface ExplainedShare {
  /** Jobs at all sites together. */
  readonly part: number;
  readonly atSites: number;
  /** Productions that share the grid, this one among them. */
  readonly productions: number;
  /** Those of the others that have the largest parts. */
  readonly others: readonly {
    readonly production: string;
    readonly group: string;
    readonly priority: number;
    readonly part: number;
  }[];
}

/** Why nothing, or so little, of a production runs. */
export interface Explanation {
  readonly production: string;
  readonly state: ProductionState;
  readonly reason: string;
  readonly priority: number;
  readonly group: string;
  /** Sentences for people, the most important first. */
  readonly because: readonly string[];
  readonly counts: ExplainedCounts;
  /** Null if it does not take part in the shares: it is not Active, or nothing of it waits but merges. */
  readonly share: ExplainedShare | null;
  /** All of them while its jobs may start, or wait for a site; else those where jobs of it still are. */
  readonly sites: readonly ExplainedSite[];
}
