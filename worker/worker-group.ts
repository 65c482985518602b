import { hostname } from 'node:os';
import type { NativeConnection, Worker, WorkerOptions } from '@temporalio/worker';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { builtFile } from './built-files.js';

export interface RunOptions {
  /** Shuts the workers down: they take nothing more, and end what they have within their grace. */
  readonly signal: AbortSignal;
  /** Called once, when all of them poll. */
  readonly onReady?: () => void;
}

/**
 * Runs workers as one. Resolves when the signal has aborted and all of them have ended. If one fails, the others are shut
 * down and its error is thrown.
 */
export async function runWorkers(workers: readonly Worker[], options: RunOptions): Promise<void> {
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = workers.map(async (worker) => {
    try {
      await worker.run();
    } finally {
      stop();
    }
  });
  options.signal.addEventListener('abort', stop, { once: true });
  if (options.signal.aborted) stop();
  else options.onReady?.();
  const ends = await Promise.allSettled(runs);
  options.signal.removeEventListener('abort', stop);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

export interface QueueOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly queue: string;
  /** Activities at the same time. */
  readonly slots: number;
  /** s that running activities have to end by themselves at a shutdown, before they are told to stop and return what they have. */
  readonly graceSeconds: number;
  /** Who polls, for Temporal's page: `fabrica control`, `fabrica site GRAZ`. */
  readonly role: string;
}

/** s after the grace in which an activity must have heard that it is to stop; then it is abandoned, to be retried elsewhere. */
const DEAF_SECONDS = 10;

/** What all workers have in common. The deaf are abandoned, so that a shutdown is bounded. */
export function workerOptions(options: QueueOptions): WorkerOptions {
  const { connection, graceSeconds, namespace, queue, role, slots } = options;
  return {
    connection,
    namespace,
    taskQueue: queue,
    identity: `${role} ${process.pid}@${hostname()}`,
    maxConcurrentActivityTaskExecutions: slots,
    shutdownGraceTime: graceSeconds * 1000,
    shutdownForceTime: (graceSeconds + DEAF_SECONDS) * 1000,
    dataConverter: { payloadConverterPath: builtFile('workflows/payload-converter.js') },
  };
}

/**
 * Closes the connection of a process whose workers have ended. After a failed start some workers may never have run and
 * still hold it; that must not hide the reason of the failure, and the process ends anyway.
 */
export async function closeConnection(connection: NativeConnection, log: Log): Promise<void> {
  await connection.close().catch((error: unknown) => {
    log.debug({ error: messageOf(error) }, 'the connection is still held');
  });
}
