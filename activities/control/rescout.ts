import { blocksOf } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import {
  changeProductionState,
  insertRevision,
  redefineProduction,
  revisionOf,
  type ProductionRow,
} from '../../catalog/productions.js';
import type { Command } from '../../domain/command.js';
import { canonicalDefinition } from '../../domain/parse.js';

/**
 * Scouts a rejected production again with the same definition, as a new revision: new jobs with seeds that nobody has used. Returns why not,
 * or null.
 */
export async function rescout(
  db: Db,
  production: ProductionRow,
  { who, why }: Pick<Command, 'who' | 'why'>,
  now: number,
): Promise<string | null> {
  const { name, state } = production;
  if (state !== 'Rejected') return `only Rejected productions are scouted again, it is ${state}`;
  if ((await blocksOf(db, production.id)).some((block) => block.state !== 'Discarded')) {
    return `what its scouts left is being removed: ask again as soon as \`fabrica show ${name}\` lists no remnants`;
  }
  const { definition, digest, scheme } = await revisionOf(db, production);
  await redefineProduction(db, production, definition);
  await insertRevision(db, {
    production: production.id,
    revision: production.revision,
    canonical: canonicalDefinition(definition),
    digest,
    scheme,
    by: who,
    now,
  });
  await changeProductionState(db, production, {
    to: 'Scouting',
    why: `revision ${production.revision}, the same definition again${why === '' ? '' : `: ${why}`}`,
    who,
    now,
  });
  return null;
}
