import { blocksOf, countsOf } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import type { JobStage } from '../../catalog/jobs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import type { Definition } from '../../domain/definition.js';
import type { BlockCounts } from '../../domain/progress.js';
import { judgeParked, type ParkedVerdict } from '../../policy/tolerance.js';

/** What becomes of the parked jobs of a block when nothing else of its stage is left to do; `givenUp` others of the production are as good as waived. */
export async function judgeStage(
  db: Db,
  production: ProductionRow,
  definition: Pick<Definition, 'tolerance'>,
  { counts, givenUp = 0, stage }: { counts: BlockCounts; stage: JobStage; givenUp?: number },
): Promise<ParkedVerdict> {
  if (stage === 'merge') {
    return judgeParked({ total: 0, waived: 0, parked: counts.merges.Parked ?? 0, tolerance: 0 });
  }
  const all = (await blocksOf(db, production.id)).map((block) => countsOf(block).jobs);
  const total = all
    .flatMap((jobs) => Object.entries(jobs))
    .reduce((sum, [state, count]) => sum + (state === 'Split' ? 0 : count), 0);
  return judgeParked({
    total,
    waived: givenUp + all.reduce((sum, jobs) => sum + (jobs.Waived ?? 0), 0),
    parked: counts.jobs.Parked ?? 0,
    tolerance: production.finish === 'draining' ? 1 : definition.tolerance,
  });
}
