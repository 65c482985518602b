import { blocksOf, countsOf } from './blocks.js';
import type { Db } from './catalog.js';
import type { ProductionRow } from './productions.js';
import { addCounts, type JobCounts, type ProductionProgress } from '../domain/progress.js';
import type { FailureClass } from '../domain/failure-class.js';
import type { BlockState } from '../domain/states/block.js';

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
  for (const block of await blocksOf(db, production.id)) {
    const counts = countsOf(block);
    failures = addCounts(failures, counts.failures);
    states = addCounts(states, { [block.state]: 1 });
    if (block.state === 'Discarded') continue;
    jobs = addCounts(jobs, counts.jobs);
    merges = addCounts(merges, counts.merges);
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
