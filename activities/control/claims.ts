import type { BlockKey } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { insertRemnants } from '../../catalog/remnants.js';
import { claimDirectory } from '../../domain/lfn.js';
import { destinationsOf } from './orders.js';

/** Notes the claims of a block's attempts for removal: they lie on every storage that a bundle of the block could stage out to, by epoch. */
export async function noteClaims(db: Db, key: BlockKey, now: number): Promise<void> {
  const bundles = await db
    .selectFrom('bundles')
    .select(['epoch', 'destinations'])
    .distinct()
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .execute();
  const places = new Map(
    bundles.flatMap((bundle) => {
      const path = claimDirectory(bundle.epoch, key.production, key.block);
      return destinationsOf(bundle).map(
        (storage) => [`${storage} ${path}`, { storage, path, shape: 'tree' as const }] as const,
      );
    }),
  );
  await insertRemnants(db, key, [...places.values()], 'claims of ended attempts', now);
}
