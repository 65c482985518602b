import { attemptsOfBundle, getBundle, type BundleRow } from '../../catalog/attempts.js';
import { getBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { insertLogArchive } from '../../catalog/logs.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allStorages, effectiveState, nearStorages, siteNamed } from '../../catalog/resources.js';
import { attemptRanges, attemptsOf } from '../../domain/bundle.js';
import { logLfn, physicalPath } from '../../domain/lfn.js';
import type { BundleClosing, ClearedBundle } from '../../domain/log-archive.js';
import { keepsLog } from '../../policy/log-keeping.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';

/** Storages that are tried for an archive: one that works is among so many. */
const MOST_STORAGES = 8;

/** The end of a bundle: its logs are archived, its site has forgotten it. */
export function bundleClosing(context: ControlContext) {
  const { catalog, clock } = context;

  /**
   * Records of bundles where their logs are, or that they are lost, and that their sites have confirmed that nothing of them is left there. A
   * bundle that is cleared already stays as it is.
   */
  async function closeBundles(
    input: BlockRef & { bundles: readonly ClearedBundle[] },
  ): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      for (const cleared of input.bundles) await closeBundle(db, production, cleared);
    });
  }

  async function closeBundle(
    db: Db,
    production: ProductionRow,
    { archived, lost, submittedAt, ...cleared }: ClearedBundle,
  ): Promise<void> {
    const bundle = await getBundle(db, production.id, cleared.bundle);
    if (bundle.cleared_at !== null || bundle.open > 0) return;
    const now = clock.now();
    if (archived !== null && bundle.log_file === null) {
      const { scheme } = await revisionOf(db, production);
      const lfn = lfnOfLogs(scheme, bundle);
      const attempts = [...attemptsOf(archived.attempts)];
      await insertLogArchive(db, bundle, { ...archived, lfn, attempts }, now);
    }
    if (lost !== '') {
      await recordEvent(db, {
        at: now,
        who: 'fabrica',
        production: production.id,
        block: bundle.block,
        what: `logs of bundle ${bundle.id} lost`,
        why: lost,
      });
    }
    await noteSubmission(db, bundle, submittedAt);
    await db.updateTable('bundles').set({ cleared_at: now }).where('id', '=', bundle.id).execute();
  }

  return { closeBundles };
}

/** What is left to do for a bundle; null while attempts of it are open. */
export async function closingOf(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
  bundle: BundleRow,
): Promise<BundleClosing | null> {
  if (bundle.open > 0) return null;
  const attempts = await attemptsOfBundle(db, bundle.id);
  const { sampleOfGood, largest } = context.configuration.logs;
  const kept = attempts.filter((one) =>
    keepsLog({ production: production.id, ...one }, sampleOfGood),
  );
  const logs = bundle.log_file === null ? attemptRanges(kept) : [];
  const { scheme } = await revisionOf(db, production);
  return {
    attempts: attemptRanges(attempts),
    logs,
    archive: {
      path: physicalPath(context.catalog.epoch, lfnOfLogs(scheme, bundle)),
      storages: logs.length === 0 ? [] : await storagesForLogs(context, db, bundle),
      largest,
    },
  };
}

/** Notes when the site had taken a bundle; what is noted first stays. */
export async function noteSubmission(
  db: Db,
  bundle: BundleRow,
  submittedAt: number | null,
): Promise<void> {
  if (submittedAt === null || bundle.submitted_at !== null) return;
  await db
    .updateTable('bundles')
    .set({ submitted_at: submittedAt })
    .where('id', '=', bundle.id)
    .execute();
}

/** The LFN of the archive of a bundle's logs. */
export function lfnOfLogs(scheme: Parameters<typeof logLfn>[0], bundle: BundleRow): string {
  const { production_id: production, block, id } = bundle;
  return logLfn(scheme, { production, block, bundle: id });
}

/** The configured one, the block's home, those near the site, then all others that are not banned. */
async function storagesForLogs(
  { configuration, clock }: ControlContext,
  db: Db,
  bundle: BundleRow,
): Promise<string[]> {
  const now = clock.now();
  const usable = (await allStorages(db)).filter((one) => effectiveState(one, now) !== 'Banned');
  const block = await getBlock(db, { production: bundle.production_id, block: bundle.block });
  const site = await siteNamed(db, bundle.site);
  const order = [
    ...(configuration.logs.storage === undefined ? [] : [configuration.logs.storage]),
    block.home_storage,
    ...(site === undefined ? [] : nearStorages(site)),
    ...usable.map((one) => one.name),
  ];
  const names = new Set(usable.map((one) => one.name));
  return [...new Set(order)].filter((name) => names.has(name)).slice(0, MOST_STORAGES);
}
