import { changeBlockState, getBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import {
  addReplicas,
  blockFiles,
  condemnedCopies,
  replicasOf,
  type BlockFile,
} from '../../catalog/files.js';
import { recordEvent } from '../../catalog/events.js';
import { changeProductionState, revisionOf } from '../../catalog/productions.js';
import { allStorages, effectiveState } from '../../catalog/resources.js';
import {
  changeTransfers,
  failedTransfers,
  insertTransfers,
  transfersOf,
} from '../../catalog/transfers.js';
import { finalKind } from '../../domain/definition.js';
import { physicalPath } from '../../domain/lfn.js';
import {
  planDistribution,
  type CopyTarget,
  type DistributionPlan,
} from '../../policy/distribution-plan.js';
import type { CopyOrder, CopyResult } from '../storage/index.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { stillIn } from './reopened.js';
import { byStorage, type StorageBatch } from './storage-batches.js';

/** Copies to make, by the storage that gets them. */
export type CopyBatch = StorageBatch<CopyOrder>;

/** What became of copies to one storage. */
export interface CopiesMade {
  readonly storage: string;
  readonly results: readonly CopyResult[];
}

/** A destination is given up for a file after so many failures. */
const TRIES = 3;
const BATCH = 100;

/** Copies of final files: planning, recording, and holding when no storage can be found. */
export function distributing(context: ControlContext) {
  const { catalog, clock } = context;

  /** The copies that are still missing. Empty batches and not held: the block is distributed. */
  async function planTransfers(
    input: BlockRef,
  ): Promise<{ batches: CopyBatch[]; held: boolean; reason: string }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      stillIn(await getBlock(db, key), 'Distributing', 'Held');
      let waiting = await transfersOf(db, key, 'Waiting', 10 * BATCH);
      if (waiting.length === 0) {
        const plans = await finalPlans(context, db, input);
        const short = plans.find(({ plan }) => plan.missing > 0);
        if (short !== undefined && plans.every(({ plan }) => plan.copyTo.length === 0)) {
          const why =
            `block ${input.block}: ${short.plan.missing} more storages are needed for ${short.file.lfn}` +
            '; none is usable, has room and has not failed for it';
          const block = await getBlock(db, key);
          const change = { why, now: clock.now() };
          await changeBlockState(db, block, { to: 'Held', ...change });
          if (production.state === 'Active' || production.state === 'Held') {
            await changeProductionState(db, production, { to: 'Held', who: 'fabrica', ...change });
          }
          return { batches: [], held: true, reason: why };
        }
        await insertTransfers(
          db,
          key,
          plans.flatMap(({ file, present, plan }) =>
            plan.copyTo.map((destination) => ({
              file: file.id,
              source: present[0] ?? '',
              destination,
            })),
          ),
          clock.now(),
        );
        waiting = await transfersOf(db, key, 'Waiting', 10 * BATCH);
      }
      const batches = byStorage(waiting, (one) => ({
        storage: one.destination,
        file: {
          transfer: one.id,
          source: one.source,
          sourcePath: one.source_path ?? physicalPath(catalog.epoch, one.lfn),
          path: physicalPath(catalog.epoch, one.lfn),
          size: one.size,
          adler32: one.adler32,
        },
      }));
      return {
        batches: batches.map(({ storage, files }) => ({ storage, files: files.slice(0, BATCH) })),
        held: false,
        reason: '',
      };
    });
  }

  /** Records copies to several storages: good ones are replicas from now on. Tells how many have failed. */
  async function recordCopies(
    input: BlockRef & { copies: readonly CopiesMade[] },
  ): Promise<{ failed: number }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const waiting = new Map(
        (await transfersOf(db, key, 'Waiting', 100_000)).map((one) => [one.id, one]),
      );
      const known = input.copies
        .flatMap(({ results }) => results)
        .filter((result) => waiting.has(result.transfer));
      await addReplicas(
        db,
        known.flatMap((result) => {
          const one = waiting.get(result.transfer);
          if (one === undefined || result.failure !== '') return [];
          const path = physicalPath(catalog.epoch, one.lfn);
          return [{ file: one.file_id, storage: one.destination, path }];
        }),
        clock.now(),
      );
      await changeTransfers(
        db,
        known.map((result) => ({
          id: result.transfer,
          state: result.failure === '' ? ('Done' as const) : ('Failed' as const),
          reason: result.failure,
        })),
        clock.now(),
      );
      let failures = 0;
      for (const { results, storage } of input.copies) {
        const failed = results.filter(
          ({ failure, transfer }) => failure !== '' && waiting.has(transfer),
        );
        failures += failed.length;
        if (failed.length === 0) continue;
        await recordEvent(db, {
          at: clock.now(),
          who: 'fabrica',
          production: production.id,
          block: input.block,
          what: `${failed.length} copies to ${storage} failed`,
          why: failed[0]?.failure ?? '',
        });
      }
      return { failed: failures };
    });
  }

  return { planTransfers, recordCopies };
}

/** The final files of a block with their distribution plans. */
export async function finalPlans(
  context: ControlContext,
  db: Db,
  ref: BlockRef,
): Promise<{ file: BlockFile; present: string[]; plan: DistributionPlan }[]> {
  const production = await productionFor(context, db, ref);
  const key = { production: production.id, block: ref.block };
  const { definition } = await revisionOf(db, production);
  const files = await blockFiles(db, key, finalKind(definition));
  const replicas = await replicasOf(
    db,
    files.map((file) => file.id),
  );
  const condemned = await condemnedCopies(
    db,
    files.map((file) => file.id),
  );
  // A block that was held and released tries the storages again that had failed before.
  const failures = await failedTransfers(db, key, (await getBlock(db, key)).updated_at);
  const now = context.clock.now();
  const targets: CopyTarget[] = (await allStorages(db)).map((storage) => ({
    name: storage.name,
    area: storage.area,
    purpose: storage.purpose,
    free: storage.free,
    usable: effectiveState(storage, now) !== 'Banned',
  }));
  return files.map((file) => {
    const present = (replicas.get(file.id) ?? []).map((one) => one.storage);
    const exclude = targets
      .map((target) => target.name)
      .filter(
        (name) =>
          (failures.get(`${file.id} ${name}`) ?? 0) >= TRIES ||
          // A bad copy is still there, under the same name.
          condemned.get(file.id)?.has(name) === true,
      );
    const plan = planDistribution(
      { size: file.size, present, turn: file.id },
      definition.distribution,
      targets,
      exclude,
    );
    return { file, present, plan };
  });
}
