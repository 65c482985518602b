import type { ProductionState } from '../../domain/states/production.js';
import type { JobCounts, ProductionProgress } from '../../domain/progress.js';
import type { Db } from '../catalog.js';
import type { ProductionRow } from '../productions.js';
import { progressesOf } from '../progress.js';

/** A production as a line of a list. Times in ms since 1970. */
export interface ProductionSummary {
  readonly name: string;
  readonly group: string;
  readonly owner: string;
  readonly campaign: string;
  readonly priority: number;
  readonly state: ProductionState;
  readonly reason: string;
  readonly events: ProductionProgress['events'];
  /** Final files that are distributed, and their bytes; each file is counted once. */
  readonly files: number;
  readonly bytes: number;
  /** Scout and fabrication jobs by state. */
  readonly jobs: JobCounts;
  /** Failed attempts so far. */
  readonly failures: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
}

/** Productions, the newest first; `more` tells that there are others beyond the limit. */
export async function listProductions(
  db: Db,
  filter: {
    readonly campaign?: string | undefined;
    readonly state?: ProductionState | undefined;
    readonly limit: number;
    readonly now: number;
  },
): Promise<{ productions: ProductionSummary[]; more: boolean }> {
  const { campaign, state } = filter;
  const rows = await db
    .selectFrom('productions')
    .selectAll()
    .$if(campaign !== undefined, (query) => query.where('campaign', '=', campaign ?? ''))
    .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'New'))
    .orderBy('id', 'desc')
    .limit(filter.limit + 1)
    .execute();
  const listed = rows.slice(0, filter.limit);
  const progresses = await progressesOf(db, listed, filter.now);
  const productions = listed.flatMap((row, i) => {
    const progress = progresses[i];
    return progress === undefined ? [] : [summaryOf(row, progress)];
  });
  return { productions, more: rows.length > filter.limit };
}

function summaryOf(row: ProductionRow, progress: ProductionProgress): ProductionSummary {
  const { bytes, events, failures, files, jobs } = progress;
  return {
    name: row.name,
    group: row.group_name,
    owner: row.owner,
    campaign: row.campaign,
    priority: row.priority,
    state: row.state,
    reason: row.reason,
    events,
    files,
    bytes,
    jobs,
    failures: Object.values(failures).reduce((sum, attempts) => sum + attempts, 0),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
  };
}
