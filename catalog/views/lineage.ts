import type { ProductionState } from '../../domain/states/production.js';
import type { Db } from '../catalog.js';
import { countInputs } from '../input-sets.js';
import type { ProductionRow } from '../productions.js';

/** Whose files a production reads, and who reads its own. */
export interface LineageView {
  /** Files that its jobs read in all; 0 if they make events from nothing. */
  readonly inputFiles: number;
  /** Files of its overlay. */
  readonly overlayFiles: number;
  /** Productions that have made these files, the first 100 by name. */
  readonly reads: readonly string[];
  /** Productions that read its files, or have, the newest 100. */
  readonly readBy: readonly { readonly production: string; readonly state: ProductionState }[];
}

const MOST_NAMES = 100;

export async function lineageOf(
  db: Db,
  { id, inputs }: Pick<ProductionRow, 'id' | 'inputs'>,
): Promise<LineageView> {
  const reads = await db
    .selectFrom('production_sources as s')
    .innerJoin('productions as p', 'p.id', 's.source_id')
    .select('p.name')
    .where('s.production_id', '=', id)
    .orderBy('p.name')
    .limit(MOST_NAMES)
    .execute();
  const readBy = await db
    .selectFrom('production_sources as s')
    .innerJoin('productions as p', 'p.id', 's.production_id')
    .select(['p.name as production', 'p.state'])
    .where('s.source_id', '=', id)
    .orderBy('p.id', 'desc')
    .limit(MOST_NAMES)
    .execute();
  return {
    inputFiles: inputs,
    overlayFiles: await countInputs(db, id, 'overlay'),
    reads: reads.map(({ name }) => name),
    readBy,
  };
}
