import { ActivityFailure, continueAsNew, executeChild, isCancellation } from '@temporalio/workflow';
import type { RemovalBatch } from '../activities/control/clearing.js';
import { control, storageAt } from './activities.js';

type Patience = '2 minutes' | '10 minutes';

export interface RemovalInput {
  readonly epoch: string;
  readonly production: string;
  /** Storages that did not answer: not asked again. */
  readonly failed: readonly string[];
}

/** Every round carries some hundred kB of paths through the history. */
const ROUNDS = 25;

/**
 * Removes what is condemned of a whole production, with its debts: as `removeCondemned`, in runs of bounded length however many files
 * there are.
 */
export async function removal({ failed, ...ref }: RemovalInput): Promise<void> {
  const silent = [...failed];
  for (let round = 0; round < ROUNDS; round++) {
    if (!(await removeSome(ref, null, silent, '10 minutes'))) return;
  }
  await continueAsNew<typeof removal>({ ...ref, failed: silent });
}

/** Removes what is condemned of a whole production, with its debts, in a workflow of its own. */
export async function removeAllCondemned(ref: {
  epoch: string;
  production: string;
}): Promise<void> {
  await executeChild<typeof removal>('removal', {
    workflowId: `production/${ref.production}/removal`,
    args: [{ epoch: ref.epoch, production: ref.production, failed: [] }],
    staticSummary: `removals of ${ref.production}`,
  });
}

/**
 * Removes what is condemned of one block. Every removal is confirmed by its storage; what an unreachable storage holds becomes a debt
 * and is left for later. Always ends: a storage that has failed once is not asked again.
 */
export async function removeCondemned(
  ref: { epoch: string; production: string },
  block: number,
  patience: Patience = '10 minutes',
): Promise<void> {
  const failed: string[] = [];
  while (await removeSome(ref, block, failed, patience));
}

/** One round; the storages that failed are added to `failed`. False if nothing was left to do. */
async function removeSome(
  ref: { epoch: string; production: string },
  block: number | null,
  failed: string[],
  patience: Patience,
): Promise<boolean> {
  const { batches } = await control.planRemovals({ ...ref, block, except: failed });
  if (batches.length === 0) return false;
  const gone = await Promise.all(batches.map((batch) => removeBatch(ref, batch, patience)));
  failed.push(...batches.filter((_, i) => gone[i] === false).map(({ storage }) => storage));
  const confirmed = batches.filter((_, i) => gone[i] === true);
  if (confirmed.length > 0) await control.confirmRemovals({ ...ref, batches: confirmed });
  return true;
}

/** False if the storage did not answer: then it is a debt. */
async function removeBatch(
  ref: { epoch: string; production: string },
  batch: RemovalBatch,
  patience: Patience,
): Promise<boolean> {
  const { storage } = batch;
  try {
    await storageAt(storage, patience).removePage(batch);
    return true;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    await control.recordDebt({
      ...ref,
      storage,
      reason: error.cause?.message ?? error.message,
    });
    return false;
  }
}
