import type { BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { inputsAfter } from '../../catalog/input-sets.js';
import type { ProductionRow } from '../../catalog/productions.js';
import type { Definition } from '../../domain/definition.js';
import type { Estimate } from '../../policy/estimate.js';
import { filesForBlock, planInputBlock, type InputBlockPlan } from '../../policy/input-grouping.js';
import { planBlock, planScouts, type BlockPlan } from '../../policy/job-plan.js';
import { groupingLimits } from './estimates.js';

/** The scouts of a production: its first events, or the first groups of its input files. Null if it has none. */
export async function scoutPlan(
  db: Db,
  production: ProductionRow,
  definition: Definition,
): Promise<BlockPlan | null> {
  const { jobs, eventsPerJob } = definition.scouts;
  if (definition.input !== undefined) {
    return inputPlan(db, production, definition, {
      ...{ after: 0, planned: 0, blockJobs: jobs, exact: true },
      estimate: null,
    });
  }
  const { eventsPerJob: wanted } = definition.fabrication;
  const perJob = eventsPerJob ?? (wanted === 'auto' ? 100 : wanted);
  return planScouts({ events: production.events, jobs, eventsPerJob: perJob });
}

/** The next block of a production; null if all that was asked for is in blocks. `blocks` are those that were not given up. */
export async function nextBlockPlan(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  { blocks, estimate }: { readonly blocks: readonly BlockRow[]; readonly estimate: Estimate },
): Promise<BlockPlan | null> {
  const planned = blocks.reduce((sum, one) => sum + one.events, 0);
  const { blockJobs, eventsPerJob } = estimate;
  if (definition.input === undefined) {
    return planBlock({ events: production.events, planned, eventsPerJob, blockJobs });
  }
  const after = Math.max(0, ...blocks.map((one) => one.last_input));
  return inputPlan(db, production, definition, { after, planned, blockJobs, estimate });
}

async function inputPlan(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  from: {
    readonly after: number;
    readonly planned: number;
    readonly blockJobs: number;
    readonly exact?: boolean;
    readonly estimate: Estimate | null;
  },
): Promise<InputBlockPlan | null> {
  const { after, blockJobs, estimate, exact = false, planned } = from;
  const limits = groupingLimits(definition, estimate);
  const wanted = filesForBlock(blockJobs, limits);
  const files = await inputsAfter(db, production.id, after, wanted);
  const more = files.length === wanted;
  return planInputBlock({ files, more, limits, blockJobs, exact, planned });
}
