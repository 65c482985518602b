import type { Definition } from '../../domain/definition.js';
import { presentDefinition } from '../../domain/definition-content.js';
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
  /** What is true now: the present revision with the present priority. */
  readonly present: Definition;
  /** What it has been since it was last submitted, the present revision first: a definition that is one of these, or `present`, is no other one. */
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
  const present = presentDefinition(revision.definition, production);
  return { production, revision, present, since: await revisionsSinceSubmission(db, production) };
}
