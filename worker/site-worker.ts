import { Worker } from '@temporalio/worker';
import { createSiteActivities } from '../activities/site/index.js';
import type { Clock } from '../domain/clock.js';
import type { Configuration, SiteConfiguration } from '../domain/configuration.js';
import { FabricaError } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { siteIoQueue, siteQueue } from '../domain/names.js';
import type { ComputeElement } from '../grid/compute/compute-element.js';
import { createComputeElement } from '../grid/compute/compute-elements.js';
import { configuredStorages } from '../grid/storage/storage-elements.js';
import { drained, type Drain } from './drain.js';
import { StateLayout } from './state-directory.js';
import { createStorageWorkers, storagesOfSites } from './storage-workers.js';
import type { TemporalEndpoint } from './temporal-connection.js';
import { connectToTemporal } from './worker-connection.js';
import { closeConnection, runWorkers, workerOptions } from './worker-group.js';
import type { QueueOptions, RunOptions } from './worker-group.js';

export interface SiteWorkerOptions extends TemporalEndpoint, RunOptions {
  readonly configuration: Configuration;
  /** Names of the sites that this process serves. */
  readonly sites: readonly string[];
  /** Job folders of local sites are below it, unless the configuration puts them elsewhere. */
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Names of the storages that this process serves. (Default: those near to the sites) */
  readonly storages?: readonly string[];
  /** s for which an unreachable Temporal is tried. (Default: 60) */
  readonly unreachableSeconds?: number;
  /** How it leaves its sites when it is asked to. (Default: the signal ends it at once) */
  readonly drain?: Drain;
}

/** Bundles that are submitted at once. A submission is short; a computing element likes few of them. */
const SUBMISSION_SLOTS = 4;
const SUBMISSION_GRACE_SECONDS = 10;
/** Watchers wait until their jobs end, so at a shutdown they are told almost at once. */
const IO_GRACE_SECONDS = 1;

/** Watchers wait without cost, one for each open bundle, and must leave room for what ends jobs and fetches logs. */
const ioSlots = ({ slots }: SiteConfiguration): number => Math.min(2000, 200 + 2 * slots);

/**
 * Runs the activities of sites and of the storages near to them. Jobs do not notice when it ends. Resolves after a shutdown by the
 * signal. Throws `FABRICA_SITE_UNKNOWN`, `FABRICA_STORAGE_UNKNOWN`, `FABRICA_TEMPORAL_UNREACHABLE`.
 */
export async function runSiteWorker(options: SiteWorkerOptions): Promise<void> {
  const { configuration, log, namespace } = options;
  const sites = options.sites.map((name) => siteNamed(configuration, name));
  const role = `fabrica site ${options.sites.join(' ')}`;
  const connection = await connectToTemporal(options);
  const elements: ComputeElement[] = [];
  try {
    const storages = configuredStorages(configuration);
    const workers: Worker[] = [];
    for (const site of sites) {
      const folder = new StateLayout(options.stateDirectory).siteFolder(site.name);
      const compute = createComputeElement(site, {
        ...{ folder, storages, clock: options.clock, log },
        simulation: configuration.simulation,
      });
      elements.push(compute);
      const activities = createSiteActivities({
        site,
        compute,
        storages,
        clock: options.clock,
        log,
      });
      const shared = { connection, namespace, role };
      workers.push(...(await createSiteWorkers(site, activities, shared)));
    }
    const atSites = [...workers];
    workers.push(
      ...(await createStorageWorkers({
        ...{ connection, namespace, configuration, role, clock: options.clock, log },
        storages: options.storages ?? storagesOfSites(configuration, options.sites),
      })),
    );
    const signal = endOf(options, elements, atSites);
    await runWorkers(workers, { ...options, signal });
  } finally {
    await Promise.all(elements.map(async (element) => element.close()));
    await closeConnection(connection, log);
  }
}

/** Aborts when the workers are to end. */
function endOf(
  { clock, drain, log, signal }: SiteWorkerOptions,
  elements: readonly ComputeElement[],
  workers: readonly Worker[],
): AbortSignal {
  if (drain === undefined) return signal;
  const end = new AbortController();
  void drained(drain, { elements, workers, clock, log, signal }).finally(() => end.abort());
  return end.signal;
}

async function createSiteWorkers(
  site: SiteConfiguration,
  activities: { readonly submission: object; readonly io: object },
  shared: Pick<QueueOptions, 'connection' | 'namespace' | 'role'>,
): Promise<Worker[]> {
  return Promise.all([
    Worker.create({
      ...workerOptions({
        ...shared,
        queue: siteQueue(site.name),
        slots: SUBMISSION_SLOTS,
        graceSeconds: SUBMISSION_GRACE_SECONDS,
      }),
      activities: activities.submission,
    }),
    Worker.create({
      ...workerOptions({
        ...shared,
        queue: siteIoQueue(site.name),
        slots: ioSlots(site),
        graceSeconds: IO_GRACE_SECONDS,
      }),
      activities: activities.io,
    }),
  ]);
}

function siteNamed(configuration: Configuration, name: string): SiteConfiguration {
  const site = configuration.sites.find((one) => one.name === name);
  if (site !== undefined) return site;
  throw new FabricaError('FABRICA_SITE_UNKNOWN', `Site ${name} is not configured.`, { site: name });
}
