import { Worker } from '@temporalio/worker';
import type { NativeConnection } from '@temporalio/worker';
import { createStorageActivities } from '../activities/storage/index.js';
import type { Clock } from '../domain/clock.js';
import type { Configuration } from '../domain/configuration.js';
import { FabricaError } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { storageQueue } from '../domain/names.js';
import { configuredStorages } from '../grid/storage/storage-elements.js';
import { workerOptions } from './worker-group.js';

export interface StorageWorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly configuration: Configuration;
  /** Names of the storages to serve. */
  readonly storages: readonly string[];
  readonly role: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Transfers, cleanups and listings of one storage at once, in this process. */
const SLOTS = 8;
/** A transfer is told to stop soon: it may be long, and is repeated safely. */
const GRACE_SECONDS = 3;

/** A worker per storage, on its queue. Throws `FABRICA_STORAGE_UNKNOWN` for a name that is not configured. */
export async function createStorageWorkers(options: StorageWorkersOptions): Promise<Worker[]> {
  const { clock, configuration, connection, log, namespace, role } = options;
  const known = new Set(configuration.storages.map(({ name }) => name));
  const unknown = options.storages.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new FabricaError(
      'FABRICA_STORAGE_UNKNOWN',
      `Storage ${unknown}, which this process is to serve, is not configured.`,
      { storage: unknown },
    );
  }
  if (options.storages.length === 0) return [];
  // All of them, because a transfer reads from any.
  const storages = configuredStorages(configuration);
  const activities = createStorageActivities({ storages, clock, log });
  return Promise.all(
    options.storages.map(async (name) =>
      Worker.create({
        ...workerOptions({
          connection,
          namespace,
          queue: storageQueue(name),
          slots: SLOTS,
          graceSeconds: GRACE_SECONDS,
          role,
        }),
        activities,
      }),
    ),
  );
}

/** The storages that these sites serve: those near to them, each once. */
export function storagesOfSites(
  configuration: Configuration,
  sites: readonly string[],
): readonly string[] {
  const near = configuration.sites.filter(({ name }) => sites.includes(name));
  return [...new Set(near.flatMap(({ storages }) => storages))];
}

/** The storages that no site is near to, which therefore control serves. */
export function storagesOfControl(configuration: Configuration): readonly string[] {
  const near = new Set(configuration.sites.flatMap(({ storages }) => storages));
  return configuration.storages.map(({ name }) => name).filter((name) => !near.has(name));
}
