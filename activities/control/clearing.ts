import { changeBlockState, countFinalFiles, getBlock } from '../../catalog/blocks.js';
import { condemnOutputs, condemnReplicas } from '../../catalog/files.js';
import { revisionOf } from '../../catalog/productions.js';
import { confirmRemoved, declareDebt, removals, type Removal } from '../../catalog/remnants.js';
import { recordEvent } from '../../catalog/events.js';
import { noteClaims } from './claims.js';
import { noteUnpaid } from './debts.js';
import { finalPlans } from './distribution.js';
import { stillIn } from './reopened.js';
import { unpack } from '../packed.js';
import { byStorage, packed, type PackedBatch } from './storage-batches.js';
import {
  productionFor,
  type BlockRef,
  type ControlContext,
  type ProductionRef,
} from './context.js';

/** What shall go from one storage. */
export type RemovalBatch = PackedBatch<Omit<Removal, 'storage'>>;

/** Paths at once: some ten bytes each in the history. */
const BATCH = 10_000;

/** Removing what is not needed any more, and knowing that it is gone. */
export function clearing(context: ControlContext) {
  const { catalog, clock } = context;

  /**
   * Condemns what a distributed block leaves behind: unmerged outputs, copies where none is wanted, claims of attempts. Afterwards the
   * block is `Clearing`.
   */
  async function condemnLeftovers(input: BlockRef): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const block = await getBlock(db, key);
      if (block.state === 'Finished') return;
      stillIn(block, 'Distributing', 'Clearing');
      const { definition } = await revisionOf(db, production);
      if (definition.merge !== undefined) {
        await condemnOutputs(db, key);
      }
      const plans = await finalPlans(context, db, input);
      const unwanted = plans.flatMap(({ file, plan }) =>
        plan.drop.map((storage) => ({ file: file.id, storage })),
      );
      await condemnReplicas(db, unwanted);
      const files = plans.map(({ file }) => file);
      await countFinalFiles(db, block, files);
      await noteClaims(db, key, clock.now());
      if (block.state !== 'Clearing') {
        await changeBlockState(db, block, { to: 'Clearing', why: '', now: clock.now() });
      }
    });
  }

  /**
   * Records that storages have confirmed that nothing of `gone` is there any more, and tells the next things to remove: of a block, or of the whole
   * production with its debts. Leaves out storages that have just failed.
   */
  async function planRemovals(
    input: ProductionRef & {
      block: number | null;
      except: readonly string[];
      gone: readonly RemovalBatch[];
    },
  ): Promise<{ batches: RemovalBatch[] }> {
    const within =
      input.gone.length === 0 ? catalog.read.bind(catalog) : catalog.write.bind(catalog);
    return within(async (db) => {
      const production = await productionFor(context, db, input);
      for (const { storage, files } of input.gone) {
        await confirmRemoved(db, storage, unpack(files));
      }
      const list = await removals(db, production.id, {
        ...(input.block === null ? {} : { block: input.block }),
        debts: input.block === null,
        except: input.except,
        limit: BATCH,
      });
      return {
        batches: packed(byStorage(list, ({ storage, ...file }) => ({ storage, file }))),
      };
    });
  }

  /** The storage does not answer: what it holds is a debt from now on, and blocks nothing. */
  async function recordDebt(
    input: ProductionRef & { storage: string; reason: string },
  ): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      await declareDebt(db, production.id, input.storage, input.reason, clock.now());
      await noteUnpaid(context, db, input.storage, input.reason);
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        production: production.id,
        what: `debt on ${input.storage}`,
        why: input.reason,
      });
    });
  }

  /** Everything of the block is where it should be, and nothing else is there. */
  async function finishBlock(input: BlockRef): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const block = await getBlock(db, { production: production.id, block: input.block });
      stillIn(block, 'Clearing', 'Finished');
      await changeBlockState(db, block, { to: 'Finished', why: '', now: clock.now() });
    });
  }

  return { condemnLeftovers, planRemovals, recordDebt, finishBlock };
}
