import type { Db } from '../catalog.js';
import {
  findProduction,
  revisionOf,
  revisionsSinceSubmission,
  type ProductionRow,
  type Revision,
} from '../productions.js';

/** A production with what it was registered with. */
export interface RegisteredDefinition {
  readonly production: ProductionRow;
  readonly revision: Revision;
  /** What it has been since it was last submitted, the present revision first: a definition that is one of these is no other one. */
  readonly since: readonly Revision[];
}

/** The production of this name with what it was registered with; null if the name is free. */
export async function registeredDefinition(
  db: Db,
  name: string,
): Promise<RegisteredDefinition | null> {
  const production = await findProduction(db, name);
  if (production === undefined) return null;
  const revision = await revisionOf(db, production);
  return { production, revision, since: await revisionsSinceSubmission(db, production) };
}
