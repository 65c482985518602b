import { ActivityFailure, continueAsNew, executeChild, isCancellation } from '@temporalio/workflow';
import type { RecoveryPlan, Silent } from '../activities/control/recover.js';
import { control, retiringAt, storageAt } from './activities.js';

/** What a recovery has done. Names of sites and storages in `silent` are asked again by the next one. */
export interface RecoveryOutcome {
  readonly epoch: string;
  /** Jobs of earlier epochs that were ended at sites. */
  readonly jobs: number;
  /** Attempts of the catalog whose jobs wait again. */
  readonly attempts: number;
  /** Files of earlier epochs that were removed, because the catalog does not know them. */
  readonly files: number;
  readonly silent: readonly Silent[];
}

/**
 * After a restore: brings everything into the catalog's present epoch, so that work may begin. First whatever runs at sites is ended, then
 * the catalog gives up what it believed to run, then storages lose what the catalog knows nothing of. A site or storage that does not
 * answer in some minutes is left to the next recovery; there nothing runs until then. Doing it twice changes nothing.
 */
export async function recovery({ by }: { by: string }): Promise<RecoveryOutcome> {
  const plan = await control.planRecovery();
  const sites = await Promise.all(plan.sites.map((site) => retire(plan, site)));
  let attempts = 0;
  for (let more = true; more;) {
    const answer = await control.endEarlierAttempts();
    attempts += answer.ended;
    more = answer.more;
  }
  const storages = await Promise.all(plan.storages.map((storage) => sweep(plan, storage)));
  const silent = [...sites, ...storages].flatMap((one) => one.silent ?? []);
  await control.concludeRecovery({ by, silent });
  return {
    epoch: plan.epoch,
    jobs: sum(sites),
    attempts,
    files: sum(storages),
    silent,
  };
}

interface Asked {
  readonly count: number;
  readonly silent: Silent | null;
}

const sum = (all: readonly Asked[]): number => all.reduce((total, { count }) => total + count, 0);

async function retire({ epoch }: RecoveryPlan, site: string): Promise<Asked> {
  try {
    const { ended } = await retiringAt(site).retireEpochs({ epoch });
    await control.recordRetired({ epoch, site, ended });
    return { count: ended, silent: null };
  } catch (error) {
    return { count: 0, silent: { name: site, why: reasonOf(error) } };
  }
}

async function sweep({ earlier, epoch }: RecoveryPlan, storage: string): Promise<Asked> {
  const answer = await executeChild<typeof epochSweep>('epochSweep', {
    workflowId: `fabrica/recovery/${storage}`,
    args: [{ storage, earlier, after: '', removed: 0 }],
    staticSummary: `remove from ${storage} what nobody knows of earlier epochs`,
  });
  if (answer.failure !== '') {
    return { count: answer.removed, silent: { name: storage, why: answer.failure } };
  }
  await control.recordSwept({ epoch, storage, removed: answer.removed });
  return { count: answer.removed, silent: null };
}

export interface EpochSweepInput {
  readonly storage: string;
  /** Those that are still to be looked through. */
  readonly earlier: readonly string[];
  /** The last path that was looked at, of the first of them. */
  readonly after: string;
  readonly removed: number;
}

/** Every page carries some hundred kB of paths through the history. */
const PAGE = 2000;
const PAGES = 40;

/** Removes from a storage what lies there of earlier epochs and is not known to the catalog, in runs of bounded length. */
export async function epochSweep(
  input: EpochSweepInput,
): Promise<{ removed: number; failure: string }> {
  const { earlier, storage } = input;
  const work = storageAt(storage, '1 hour');
  const [epoch, ...rest] = earlier;
  let { after, removed } = input;
  if (epoch === undefined) return { removed, failure: '' };
  try {
    if (after === '') {
      // One that does not answer must not be waited for so long.
      await storageAt(storage, '15 seconds').measureSpace({ storage });
      // Nobody claims anything there any more.
      const claims = { path: `/${epoch}/.claims`, shape: 'tree' as const };
      await work.removeFiles({ storage, paths: [claims] });
    }
    const directories = [`/${epoch}`];
    for (let page = 0; page < PAGES; page++) {
      const found = await work.listFiles({
        ...{ storage, directories, limit: PAGE },
        from: { directory: 0, after },
      });
      const dark = await control.unknownOfEarlier({ storage, paths: found.paths });
      if (dark.length > 0) {
        const paths = dark.map((path) => ({ path, shape: 'file' as const }));
        await work.removeFiles({ storage, paths });
        removed += dark.length;
      }
      after = found.paths.at(-1) ?? after;
      if (found.next !== null) continue;
      if (rest.length === 0) return { removed, failure: '' };
      return await continueAsNew<typeof epochSweep>({ storage, earlier: rest, after: '', removed });
    }
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { removed, failure: reasonOf(error) };
  }
  return continueAsNew<typeof epochSweep>({ storage, earlier, after, removed });
}

/** What an activity said; everything else is thrown on. */
function reasonOf(error: unknown): string {
  if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
  return error.cause?.message ?? error.message;
}
