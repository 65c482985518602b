import type { Db } from '../../catalog/catalog.js';
import { takeSeeds, type ProductionRow } from '../../catalog/productions.js';
import { MAX_SEED } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';

/** The first of `count` seeds that follow each other and that no job of the campaign has ever had. */
export async function freshSeeds(
  db: Db,
  production: Pick<ProductionRow, 'campaign' | 'name'>,
  count: number,
): Promise<number> {
  const seed = await takeSeeds(db, production.campaign, count);
  if (seed + count > MAX_SEED) {
    throw new FabricaError(
      'FABRICA_DEFINITION_INVALID',
      `Campaign ${production.campaign} has used all ${MAX_SEED} seeds.`,
      { production: production.name },
      { remedy: 'Use another campaign.' },
    );
  }
  return seed;
}
