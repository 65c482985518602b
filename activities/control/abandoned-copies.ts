import type { BlockKey } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { insertRemnants } from '../../catalog/remnants.js';
import { partialPath, physicalPath } from '../../domain/lfn.js';

/** Notes what copies that are not wanted any more may have left, whole or in part: they may be on their way just now. */
export async function noteAbandonedCopies(
  db: Db,
  key: BlockKey,
  copies: readonly { readonly lfn: string; readonly storage: string }[],
  moment: { readonly epoch: string; readonly now: number },
): Promise<void> {
  const remnants = copies.flatMap(({ lfn, storage }) => {
    const path = physicalPath(moment.epoch, lfn);
    return [path, partialPath(path)].map((one) => ({ storage, path: one, shape: 'file' as const }));
  });
  await insertRemnants(db, key, remnants, 'a copy that is not wanted any more', moment.now);
}
