import type { Db } from '../catalog.js';
import { findProduction, revisionOf, type ProductionRow, type Revision } from '../productions.js';

/** A production with what it was registered with; null if the name is free. */
export async function registeredDefinition(
  db: Db,
  name: string,
): Promise<{ production: ProductionRow; revision: Revision } | null> {
  const production = await findProduction(db, name);
  if (production === undefined) return null;
  return { production, revision: await revisionOf(db, production) };
}
