import {
  changeAttempts,
  openAttempts,
  openBundles,
  type BundleRow,
  type OpenAttempt,
} from '../../catalog/attempts.js';
import { blocksOf, changeBlockState, recountBlock, type BlockKey } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { condemnBlock } from '../../catalog/discard.js';
import { changeJobs } from '../../catalog/jobs.js';
import { condemnLogs, logsOfProduction } from '../../catalog/logs.js';
import { changeProductionState, revisionOf, type Revision } from '../../catalog/productions.js';
import { countRemnants, insertRemnants, type Removal } from '../../catalog/remnants.js';
import { condemnSandboxes } from '../../catalog/sandbox.js';
import { attemptRanges, type AttemptReport, type BundleHandle } from '../../domain/bundle.js';
import { counted } from '../../domain/counted.js';
import { claimDirectory } from '../../domain/lfn.js';
import type { BundleClosing } from '../../domain/log-archive.js';
import type { JobState } from '../../domain/states/job.js';
import type { ProductionState } from '../../domain/states/production.js';
import { possibleRemnants } from './attempt-outputs.js';
import { closingOf } from './closing.js';
import { productionFor, type ControlContext, type ProductionRef } from './context.js';
import { destinationsOf, outputsOf } from './orders.js';
import { storedPayloads } from './register.js';

/** Ending a production or a block before its time. */
export function ending(context: ControlContext) {
  const { catalog, clock } = context;

  /** Bundles of which something may still be at a site, with their open attempts. */
  async function openHandles(
    input: ProductionRef & { block: number | null },
  ): Promise<BundleHandle[]> {
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const bundles = await openBundles(db, production.id, input.block ?? undefined);
      return Promise.all(
        bundles.map(async (bundle) => ({
          epoch: catalog.epoch,
          production: production.name,
          block: bundle.block,
          bundle: bundle.id,
          site: bundle.site,
          attempts: attemptRanges(await openAttempts(db, bundle.id)),
        })),
      );
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
      const revision = await revisionOf(db, production);
      const bundle = await db
        .selectFrom('bundles')
        .selectAll()
        .where('id', '=', input.bundle)
        .executeTakeFirstOrThrow();
      const open = await openAttempts(db, bundle.id);
      const gone: JobState = production.state === 'Cancelling' ? 'Cancelled' : 'Waiting';
      await changeAttempts(
        db,
        production.id,
        open.map((attempt) => ({
          from: attempt.state,
          state: 'Cancelled' as const,
          class: null,
          blame: null,
          rule: null,
          evidence: null,
          report: endedReport(attempt, input.reason, clock.now()),
        })),
        clock.now(),
      );
      await changeJobs(
        db,
        production.id,
        open.map((attempt) => ({
          number: attempt.job,
          from: attempt.job_state,
          state: gone,
          charged: attempt.charged,
          uncharged: attempt.uncharged,
          not_before: 0,
          avoid: attempt.avoid,
          raised: attempt.raised,
        })),
      );
      const remnants = leftBehind(catalog.epoch, production.id, revision, bundle, open);
      const key = { production: production.id, block: bundle.block };
      await insertRemnants(db, key, remnants, input.reason, clock.now());
      await recountBlock(db, key);
      return closingOf(context, db, production, bundle);
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
        const lfns = storedPayloads(definition).map((payload) => payload.lfn);
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
        await condemnBlock(db, key, input.scope, now);
        await condemnClaims(db, key, now);
        await recountBlock(db, key);
      }
      return { next: null };
    });
  }

  async function condemnClaims(db: Db, key: BlockKey, now: number): Promise<void> {
    const storages = await db
      .selectFrom('bundles')
      .select('destinations')
      .distinct()
      .where('production_id', '=', key.production)
      .where('block', '=', key.block)
      .execute();
    const names = new Set(storages.flatMap((row) => destinationsOf(row)));
    const path = claimDirectory(catalog.epoch, key.production, key.block);
    await insertRemnants(
      db,
      key,
      [...names].map((storage) => ({ storage, path, shape: 'tree' as const })),
      'claims of ended attempts',
      now,
    );
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

  return { openHandles, recordEnded, condemnProduction, recordEnd };
}

/** Jobs whose files are condemned in one transaction, about: others wait for it. */
const CONDEMNED_AT_ONCE = 10_000;

/** What still waits to be removed, by storage, for people. */
async function debtsOf(db: Db, production: number): Promise<string[]> {
  const waiting = await countRemnants(db, production);
  return waiting.map(
    ({ storage, remnants }) => `${counted(remnants, 'remnant')} on ${storage} to be removed later`,
  );
}

/** What open attempts of a bundle may have left on any storage that they could write to. */
export function leftBehind(
  epoch: string,
  production: number,
  revision: Revision,
  bundle: BundleRow,
  open: readonly OpenAttempt[],
): Removal[] {
  return open.flatMap((attempt) =>
    outputsOf(revision, production, { kind: bundle.kind, level: attempt.level }).flatMap((output) =>
      possibleRemnants(epoch, attempt, output, destinationsOf(bundle)),
    ),
  );
}

/** The report of an attempt that was ended by a person. */
export function endedReport(
  attempt: { job: number; attempt: number },
  reason: string,
  now: number,
): AttemptReport {
  return {
    job: attempt.job,
    attempt: attempt.attempt,
    state: 'killed',
    step: 'killed',
    exitCode: null,
    reason,
    logTail: '',
    ceId: '',
    node: '',
    startedAt: null,
    endedAt: now,
    wallSeconds: null,
    cpuSeconds: null,
    memoryMB: null,
    events: null,
    outputs: [],
  };
}
