import { randomUUID } from 'node:crypto';
import { ActivityExecutionFailedError, type Client } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import type { ControlActivities } from '../../activities/control/index.js';
import type { SiteIoActivities } from '../../activities/site/index.js';
import type { StorageActivities } from '../../activities/storage/index.js';
import { FabricaError } from '../../domain/errors.js';
import { CONTROL_QUEUE, siteIoQueue, storageQueue } from '../../domain/names.js';
import { fabricaErrorOf } from './failures.js';

/** The first argument of an activity, or nothing. */
type InputOf<F> = F extends (input: infer I) => unknown ? I : undefined;
type ResultOf<F> = F extends (...args: never[]) => Promise<infer R> ? R : never;

/** Seconds from the call to the answer. */
const PATIENCE = 10;

interface Call {
  readonly name: string;
  readonly queue: string;
  readonly input: unknown;
  /** s. */
  readonly patience: number;
}

/**
 * Activities that run by themselves, without a workflow: questions to a site or a storage, and a person's word about a site. They are tried until
 * `patience` (s, default 10) is over. Throws the activity's own error, or `FABRICA_WORKER_ABSENT` if nobody took it.
 */
export function standaloneActivities(client: Client) {
  return {
    /** On the control worker. */
    control: async <N extends 'setSiteOverride' | 'listLive' | 'explainPlacement'>(
      name: N,
      input: InputOf<ControlActivities[N]>,
      patience = PATIENCE,
    ): Promise<ResultOf<ControlActivities[N]>> =>
      execute(client, { name, queue: CONTROL_QUEUE, input, patience }),
    /** On the worker of a site. */
    site: async <N extends 'readLog' | 'checkSite'>(
      site: string,
      name: N,
      input: InputOf<SiteIoActivities[N]>,
      patience = PATIENCE,
    ): Promise<ResultOf<SiteIoActivities[N]>> =>
      execute(client, { name, queue: siteIoQueue(site), input, patience }),
    /** On a worker that serves a storage. */
    storage: async <N extends 'measureSpace' | 'probeStorage' | 'readArchivedLog'>(
      storage: string,
      name: N,
      input: InputOf<StorageActivities[N]>,
      patience = PATIENCE,
    ): Promise<ResultOf<StorageActivities[N]>> =>
      execute(client, { name, queue: storageQueue(storage), input, patience }),
  };
}

async function execute<R>(client: Client, { name, queue, input, patience }: Call): Promise<R> {
  try {
    return await client.activity.execute<R>(name, {
      id: `client/${name}/${randomUUID()}`,
      taskQueue: queue,
      args: input === undefined ? [] : [input],
      scheduleToCloseTimeout: `${patience} seconds`,
      retry: { maximumAttempts: 1 },
      priority: { priorityKey: 1 },
    });
  } catch (error) {
    if (error instanceof ActivityExecutionFailedError && error.cause instanceof TimeoutFailure) {
      throw new FabricaError(
        'FABRICA_WORKER_ABSENT',
        `Nobody answered ${name} on the queue ${queue} within ${patience} s.`,
        { queue },
        { cause: error },
      );
    }
    throw fabricaErrorOf(error);
  }
}
