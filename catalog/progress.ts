import { blocksOf, countsOf } from './blocks.js';
import type { Db } from './catalog.js';
import type { ProductionRow } from './productions.js';
import { addCounts, type JobCounts, type ProductionProgress } from '../domain/progress.js';
import type { FailureClass } from '../domain/failure-class.js';
import type { BlockState } from '../domain/states/block.js';
import type { ProductionState } from '../domain/states/production.js';

/** Its files stay, except those of a rejected one. */
const GIVEN_UP: readonly ProductionState[] = ['Rejected', 'Cancelled'];

/** When the present revision of a production was submitted, ms since 1970. */
async function revisionBegan(db: Db, { id, revision }: ProductionRow): Promise<number> {
  const row = await db
    .selectFrom('revisions')
    .select('created_at')
    .where('production_id', '=', id)
    .where('revision', '=', revision)
    .executeTakeFirst();
  return row?.created_at ?? 0;
}

/** How far a production is, from the counters of its blocks: as cheap for a million jobs as for ten. */
export async function progressOf(
  db: Db,
  production: ProductionRow,
  now: number,
): Promise<ProductionProgress> {
  let jobs: JobCounts = {};
  let merges: JobCounts = {};
  let failures: Partial<Record<FailureClass, number>> = {};
  let states: Partial<Record<BlockState, number>> = {};
  const events = { asked: production.events, made: 0, merged: 0, distributed: 0, waived: 0 };
  // What was given up with the production still tells how far it came; what was given up before a new revision does not.
  const given = GIVEN_UP.includes(production.state)
    ? await revisionBegan(db, production)
    : Infinity;
  for (const block of await blocksOf(db, production.id)) {
    const counts = countsOf(block);
    failures = addCounts(failures, counts.failures);
    states = addCounts(states, { [block.state]: 1 });
    if (block.state === 'Discarded' && block.created_at < given) continue;
    jobs = addCounts(jobs, counts.jobs);
    merges = addCounts(merges, counts.merges);
    if (production.state === 'Rejected') continue;
    events.made += counts.made;
    events.merged += counts.merged;
    events.waived += counts.waived;
    if (block.state === 'Clearing' || block.state === 'Finished') events.distributed += counts.made;
  }
  return {
    production: production.name,
    state: production.state,
    reason: production.reason,
    priority: production.priority,
    events,
    blocks: states,
    jobs,
    merges,
    failures,
    at: now,
  };
}
