import type { Db } from '../catalog.js';
import { findProduction, revisionOf, type ProductionRow, type Revision } from '../productions.js';

/** A production with what it was registered with. */
export interface RegisteredDefinition {
  readonly production: ProductionRow;
  readonly revision: Revision;
}

/** The production of this name with what it was registered with; null if the name is free. */
export async function registeredDefinition(
  db: Db,
  name: string,
): Promise<RegisteredDefinition | null> {
  const production = await findProduction(db, name);
  if (production === undefined) return null;
  return { production, revision: await revisionOf(db, production) };
}
