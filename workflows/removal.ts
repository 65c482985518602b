import { ActivityFailure, continueAsNew, executeChild, isCancellation } from '@temporalio/workflow';
import type { RemovalBatch } from '../activities/control/clearing.js';
import { productionWorkflowId } from '../domain/names.js';
import { control, storageAt } from './activities.js';

type Patience = '2 minutes' | '10 minutes';

export interface RemovalInput {
  readonly epoch: string;
  readonly production: string;
  /** Storages that did not answer: not asked again. */
  readonly failed: readonly string[];
  /** What is removed, and not yet recorded. */
  readonly gone: readonly RemovalBatch[];
}

/** Every round carries some hundred kB of paths through the history. */
const ROUNDS = 25;

/**
 * Removes what is condemned of a whole production, with its debts: as `removeCondemned`, in runs of bounded length however many files
 * there are.
 */
export async function removal({ epoch, production, ...begun }: RemovalInput): Promise<void> {
  const ref = { epoch, production };
  const rounds = new Rounds(ref, null, '10 minutes', begun);
  for (let round = 0; round < ROUNDS; round++) {
    if (!(await rounds.next())) return;
  }
  await continueAsNew<typeof removal>({ ...ref, failed: rounds.failed, gone: rounds.gone });
}

/** Removes what is condemned of a whole production, with its debts, in a workflow of its own. */
export async function removeAllCondemned(ref: {
  epoch: string;
  production: string;
}): Promise<void> {
  await executeChild<typeof removal>('removal', {
    workflowId: `${productionWorkflowId(ref.production)}/removal`,
    args: [{ epoch: ref.epoch, production: ref.production, failed: [], gone: [] }],
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
  const rounds = new Rounds(ref, block, patience, { failed: [], gone: [] });
  while (await rounds.next());
}

/** Removals of a block, or of a whole production, round by round. */
class Rounds {
  readonly failed: string[];
  /** What the last round has removed: recorded with the next. */
  gone: readonly RemovalBatch[];
  readonly #ref: { readonly epoch: string; readonly production: string };
  readonly #block: number | null;
  readonly #patience: Patience;

  constructor(
    ref: { epoch: string; production: string },
    block: number | null,
    patience: Patience,
    begun: Pick<RemovalInput, 'failed' | 'gone'>,
  ) {
    this.#ref = ref;
    this.#block = block;
    this.#patience = patience;
    this.failed = [...begun.failed];
    this.gone = begun.gone;
  }

  /** False if nothing was left to do. */
  async next(): Promise<boolean> {
    const { failed, gone } = this;
    const input = { ...this.#ref, block: this.#block, except: failed, gone };
    const { batches } = await control.planRemovals(input);
    const removed = await Promise.all(batches.map((batch) => this.#remove(batch)));
    this.failed.push(...batches.filter((_, i) => !removed[i]).map(({ storage }) => storage));
    this.gone = batches.filter((_, i) => removed[i]);
    return batches.length > 0;
  }

  /** False if the storage did not answer: then it is a debt. */
  async #remove(batch: RemovalBatch): Promise<boolean> {
    const { storage } = batch;
    try {
      await storageAt(storage, this.#patience).removePage(batch);
      return true;
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      const reason = error.cause?.message ?? error.message;
      await control.recordDebt({ ...this.#ref, storage, reason });
      return false;
    }
  }
}
