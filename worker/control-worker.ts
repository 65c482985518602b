import { Worker } from '@temporalio/worker';
import { activityAuthor } from '../activities/control/author.js';
import { createControlActivities } from '../activities/control/index.js';
import { openCatalog } from '../catalog/open.js';
import { syncResources } from '../catalog/resources.js';
import { catalogTag } from '../catalog/views/catalog-tag.js';
import type { Clock } from '../domain/clock.js';
import type { Configuration } from '../domain/configuration.js';
import type { Log } from '../domain/log.js';
import { CONTROL_QUEUE } from '../domain/names.js';
import { builtFile } from './built-files.js';
import { keepMark, warnOfNewEpoch } from './catalog-mark.js';
import { keepJanitorSchedule } from './janitor-schedule.js';
import { createStorageWorkers, storagesOfControl } from './storage-workers.js';
import { heedOlderTemporal } from './temporal-age.js';
import type { TemporalEndpoint } from './temporal-connection.js';
import { connectToTemporal } from './worker-connection.js';
import { closeConnection, runWorkers, workerOptions } from './worker-group.js';
import type { RunOptions } from './worker-group.js';

export interface ControlWorkerOptions extends TemporalEndpoint, RunOptions {
  readonly configuration: Configuration;
  readonly catalogFile: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Names of the storages that this process serves. (Default: those that no site is near to) */
  readonly storages?: readonly string[];
  /** s for which an unreachable Temporal is tried. (Default: 60) */
  readonly unreachableSeconds?: number;
}

/** Activities at once. They share one SQLite connection, so more would wait for each other only. */
const SLOTS = 40;
const GRACE_SECONDS = 10;
/** Some 0.5 MB each. What is beyond it is replayed whenever something happens to it: slower, never wrong. */
const CACHED_WORKFLOWS = 2000;

/**
 * Runs workflows and control activities, which alone see the catalog, and the storages that nobody else serves. Resolves after a shutdown by
 * the signal. Throws `FABRICA_TEMPORAL_UNREACHABLE`, and what `openCatalog` throws.
 */
export async function runControlWorker(options: ControlWorkerOptions): Promise<void> {
  const { catalogFile, clock, configuration, log, namespace } = options;
  const connection = await connectToTemporal(options);
  try {
    const catalog = await openCatalog({ file: catalogFile, clock, author: activityAuthor });
    const endMark = keepMark(catalog, log);
    try {
      await heedOlderTemporal(catalog, { connection, namespace, clock });
      await warnOfNewEpoch(catalog, log);
      await catalog.write((db) => syncResources(db, configuration, clock.now()));
      // `doctor` finds control processes of different catalogs on one queue by it.
      const role = `fabrica control ${catalogTag(catalog)}`;
      const control = await Worker.create({
        ...workerOptions({
          connection,
          namespace,
          queue: CONTROL_QUEUE,
          slots: SLOTS,
          graceSeconds: GRACE_SECONDS,
          role,
        }),
        workflowBundle: { codePath: builtFile('workflows/bundle.js') },
        activities: createControlActivities({ catalog, configuration, clock, log }),
        maxCachedWorkflows: CACHED_WORKFLOWS,
        // Eager activities bypass the queue, and with it priority and fairness.
        maxEagerActivityReservationsPerWorkflowTask: 0,
      });
      const storages = await createStorageWorkers({
        connection,
        namespace,
        configuration,
        storages: options.storages ?? storagesOfControl(configuration),
        role,
        clock,
        log,
      });
      await keepJanitorSchedule({ connection, namespace, configuration, log });
      await runWorkers([control, ...storages], options);
    } finally {
      await endMark();
      await catalog.close();
    }
  } finally {
    await closeConnection(connection, log);
  }
}
