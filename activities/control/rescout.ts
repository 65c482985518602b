import { blocksOf } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import {
  changeProductionState,
  insertRevision,
  recordWork,
  redefineProduction,
  revisionOf,
  type ProductionRow,
} from '../../catalog/productions.js';
import type { Command } from '../../domain/command.js';
import { canonicalDefinition } from '../../domain/parse.js';
import { done, refused, type CommandEffect } from './command-effect.js';
import { whatOfAllIsGone } from './input-readers.js';

/**
 * Scouts a rejected production again with the same definition, as a new revision: new jobs with seeds that nobody has used.
 */
export async function rescout(
  db: Db,
  production: ProductionRow,
  { who, why }: Pick<Command, 'who' | 'why'>,
  now: number,
): Promise<CommandEffect> {
  const { name } = production;
  if ((await blocksOf(db, production.id)).some((block) => block.state !== 'Discarded')) {
    return refused(
      'what its scouts left is being removed',
      `Ask again as soon as \`fabrica show ${name}\` lists no remnants.`,
    );
  }
  const { events, inputs, priority } = production;
  const gone = await whatOfAllIsGone(db, production);
  if (gone !== null)
    return refused(gone, 'Submit a definition that reads others under the same name.');
  const { definition, digest, scheme } = await revisionOf(db, production);
  // A person may have changed its priority since; what it reads stays as it was fixed.
  await redefineProduction(db, production, { ...definition, priority });
  await recordWork(db, production, { events, inputs });
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
  return done(`scouted again, revision ${production.revision}`);
}
