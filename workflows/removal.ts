import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { RemovalBatch } from '../activities/control/clearing.js';
import { control, storageAt } from './activities.js';

/**
 * Removes what is condemned: of one block, or of the whole production (`block` null) with its debts. Every removal is confirmed by its
 * storage; what an unreachable storage holds becomes a debt and is left for later. Always ends: a storage that has failed once
 * is not asked again.
 */
export async function removeCondemned(
  ref: { epoch: string; production: string },
  block: number | null,
  patience: '2 minutes' | '10 minutes' = '10 minutes',
): Promise<void> {
  const failed: string[] = [];
  while (true) {
    const { batches } = await control.planRemovals({ ...ref, block, except: failed });
    if (batches.length === 0) return;
    const outcomes = await Promise.all(batches.map((batch) => removeBatch(ref, batch, patience)));
    outcomes.forEach((gone, i) => {
      const storage = batches[i]?.storage;
      if (!gone && storage !== undefined) failed.push(storage);
    });
  }
}

async function removeBatch(
  ref: { epoch: string; production: string },
  batch: RemovalBatch,
  patience: '2 minutes' | '10 minutes',
): Promise<boolean> {
  const { storage, paths } = batch;
  try {
    await storageAt(storage, patience).removeFiles({ storage, paths });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    await control.recordDebt({
      ...ref,
      storage,
      reason: error.cause?.message ?? error.message,
    });
    return false;
  }
  await control.confirmRemovals({ ...ref, storage, paths: paths.map((one) => one.path) });
  return true;
}
