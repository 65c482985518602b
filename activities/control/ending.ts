import { getBundle, openBundles, openKeys } from '../../catalog/attempts.js';
import { blocksOf, changeBlockState, getBlock, recountBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { condemnBlock } from '../../catalog/discard.js';
import { condemnLogs, logsOfProduction } from '../../catalog/logs.js';
import { changeProductionState, revisionOf } from '../../catalog/productions.js';
import { countRemnants } from '../../catalog/remnants.js';
import { condemnSandboxes } from '../../catalog/sandbox.js';
import { transfersOf } from '../../catalog/transfers.js';
import { attemptRanges, type BundleHandle } from '../../domain/bundle.js';
import { counted } from '../../domain/counted.js';
import type { BundleClosing } from '../../domain/log-archive.js';
import type { ProductionState } from '../../domain/states/production.js';
import { noteAbandonedCopies } from './abandoned-copies.js';
import { jsonBytes, LARGEST_ANSWER } from './answer-size.js';
import { closingOf } from './closing.js';
import { productionFor, type ControlContext, type ProductionRef } from './context.js';
import { noteClaims } from './claims.js';
import { endAttempts, noteLost } from './ended-attempts.js';
import { storedFiles } from './stored-files.js';

/** Bundles of which something may still be at a site, as many as fit an answer. `next` is the bundle after which to ask for more; null if these were the last. */
export interface HandlePage {
  readonly handles: readonly BundleHandle[];
  readonly next: number | null;
}

/** Ending a production or a block before its time. */
export function ending(context: ControlContext) {
  const { catalog, clock } = context;

  /** Bundles after this one of which something may still be at a site, with their open attempts: of a block, or of all of them. */
  async function openHandles(
    input: ProductionRef & { block: number | null; after: number },
  ): Promise<HandlePage> {
    const { after, block } = input;
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const bundles = await openBundles(db, production.id, block ?? undefined);
      const handles: BundleHandle[] = [];
      let left = LARGEST_ANSWER;
      for (const bundle of bundles.filter(({ id }) => id > after)) {
        const handle = {
          epoch: catalog.epoch,
          production: production.name,
          block: bundle.block,
          bundle: bundle.id,
          site: bundle.site,
          attempts: attemptRanges(await openKeys(db, bundle)),
        };
        left -= jsonBytes(handle);
        const last = handles.at(-1);
        if (left < 0 && last !== undefined) return { handles, next: last.bundle };
        handles.push(handle);
      }
      return { handles, next: null };
    });
  }

  /**
   * The site has confirmed that no job of the bundle runs any more: its open attempts are `Cancelled`, what they may have left is
   * noted for removal, and their jobs wait again (or are `Cancelled` with the production). Answers what is left to do.
   */
  async function recordEnded(
    input: ProductionRef & { bundle: number; reason: string },
  ): Promise<BundleClosing | null> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const bundle = await getBundle(db, production.id, input.bundle);
      await endAttempts(db, production, bundle, { reason: input.reason, now: clock.now() });
      return closingOf(context, db, production, bundle);
    });
  }

  /** Attempts of a bundle that were given up as lost may have written since: all that they can have left is noted for removal. */
  async function noteLateRemnants(input: ProductionRef & BundleHandle): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const bundle = await getBundle(db, production.id, input.bundle);
      await noteLost(db, production, bundle, clock.now());
      const key = { production: production.id, block: bundle.block };
      const { state } = await getBlock(db, key);
      // Those of other blocks go with the end of the block.
      if (state === 'Finished' || state === 'Discarded') await noteClaims(db, key, clock.now());
    });
  }

  /**
   * No job runs any more. `remnants`: jobs that are not done are `Cancelled`, copies that wait are given up, and what is catalogued stays.
   * `everything`: all files of the production are condemned as well, those of blocks that were given up before too. The removals
   * themselves follow. Takes some blocks after `after`; `next` is null after the last ones.
   */
  async function condemnProduction(
    input: ProductionRef & { scope: 'remnants' | 'everything'; after: number },
  ): Promise<{ next: number | null }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const now = clock.now();
      // A rejected production keeps its payload: it may be scouted again.
      const kept = production.state === 'Rejected';
      if (input.scope === 'everything' && !kept && input.after < 0) {
        const { definition } = await revisionOf(db, production);
        const lfns = storedFiles(definition).map((payload) => payload.lfn);
        await condemnSandboxes(db, production.id, lfns, now);
        // Those of a rejected one tell its manager why; they expire like all others.
        if (production.state === 'Cleaning') {
          await condemnLogs(db, await logsOfProduction(db, production.id));
        }
      }
      let jobs = 0;
      for (const block of await blocksOf(db, production.id)) {
        if (block.number <= input.after) continue;
        if (block.state === 'Discarded' && input.scope === 'remnants') continue;
        if (jobs > CONDEMNED_AT_ONCE) return { next: block.number - 1 };
        jobs += block.jobs;
        const key = { production: production.id, block: block.number };
        const copies = await transfersOf(db, key, 'Waiting', EVERYTHING);
        await condemnBlock(db, key, input.scope, now);
        await noteAbandonedCopies(
          db,
          key,
          copies.map(({ destination, lfn }) => ({ storage: destination, lfn })),
          { epoch: catalog.epoch, now },
        );
        await noteClaims(db, key, now);
        await recountBlock(db, key);
      }
      return { next: null };
    });
  }

  /** All removals are confirmed, or debts, which its reason then tells: the production has ended. */
  async function recordEnd(
    input: ProductionRef,
  ): Promise<{ state: ProductionState; reason: string }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const now = clock.now();
      for (const block of await blocksOf(db, production.id)) {
        const kept = block.state === 'Finished' && production.state !== 'Cleaning';
        if (!kept && block.state !== 'Discarded') {
          await changeBlockState(db, block, { to: 'Discarded', why: production.reason, now });
        }
      }
      const next: Partial<Record<ProductionState, ProductionState>> = {
        Cancelling: 'Cancelled',
        Cleaning: 'Cleaned',
      };
      const to = next[production.state];
      if (to !== undefined) {
        await changeProductionState(db, production, {
          to,
          why: [production.reason, ...(await debtsOf(db, production.id))].join('; '),
          who: 'fabrica',
          now,
        });
      }
      return { state: production.state, reason: production.reason };
    });
  }

  return { openHandles, noteLateRemnants, recordEnded, condemnProduction, recordEnd };
}

const EVERYTHING = 1_000_000;

/** Jobs whose files are condemned in one transaction, about: others wait for it. */
const CONDEMNED_AT_ONCE = 10_000;

/** What still waits to be removed, by storage, for people. */
async function debtsOf(db: Db, production: number): Promise<string[]> {
  const waiting = await countRemnants(db, production);
  return waiting.map(
    ({ storage, remnants }) => `${counted(remnants, 'remnant')} on ${storage} to be removed later`,
  );
}
