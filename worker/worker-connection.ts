import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Clock } from '../domain/clock.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { installRuntime } from './runtime.js';
import { accessOptions } from './temporal-access.js';
import { UNREACHABLE_REMEDY, whyNoConnection } from './temporal-connection.js';
import type { TemporalEndpoint } from './temporal-connection.js';

/** ms. */
const RETRY_PAUSE = 500;
const MESSAGE_PAUSE = 5000;
const CALL = 5000;

export interface ConnectOptions extends TemporalEndpoint {
  readonly clock: Clock;
  readonly log: Log;
  /** s until it is given up. (Default: 60) */
  readonly unreachableSeconds?: number;
  /** Gives it up. */
  readonly signal?: AbortSignal;
}

/**
 * A connection for workers to a server that answers and has the namespace. While it does not, it is tried again, with a warning every 5 s.
 * Throws `FABRICA_TEMPORAL_UNREACHABLE` when the time is over or the signal aborts.
 */
export async function connectToTemporal(options: ConnectOptions): Promise<NativeConnection> {
  const { access, address, clock, log, namespace, signal, unreachableSeconds = 60 } = options;
  installRuntime(log);
  const started = clock.now();
  let told = started - MESSAGE_PAUSE;
  for (;;) {
    try {
      const connection = await connectOnce({ access, address, namespace });
      renewToken(connection, options);
      return connection;
    } catch (error) {
      const now = clock.now();
      const why = (await whyNoConnection({ access, address })) ?? messageOf(error);
      if (signal?.aborted === true || now - started >= unreachableSeconds * 1000) {
        throw new FabricaError(
          'FABRICA_TEMPORAL_UNREACHABLE',
          `Temporal at ${address}, namespace ${namespace}, does not answer since ${Math.round((now - started) / 1000)} s: ${why}`,
          { address, namespace },
          { cause: error, remedy: UNREACHABLE_REMEDY },
        );
      }
      if (now - told >= MESSAGE_PAUSE) {
        log.warn({ address, namespace, why }, 'Temporal does not answer; trying again');
        told = now;
      }
      await sleep(RETRY_PAUSE, undefined, signal === undefined ? {} : { signal }).catch(
        () => undefined,
      );
    }
  }
}

async function connectOnce(endpoint: TemporalEndpoint): Promise<NativeConnection> {
  const { access, address, namespace } = endpoint;
  const codec = isOnThisMachine(address) ? 'none' : 'gzip';
  const connection = await NativeConnection.connect({
    ...{ address, grpcCompression: { codec } },
    ...(await accessOptions(access)),
  });
  try {
    await connection.withDeadline(Date.now() + CALL, async () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** ms. */
const TOKEN_RENEWAL = 10_000;

/** Tokens end while workers live: whoever renews one replaces its file. Ends with the workers, or with the process. */
function renewToken(connection: NativeConnection, { access, log, signal }: ConnectOptions): void {
  if (access?.credential?.kind !== 'token') return;
  const renew = async (): Promise<void> => {
    const { apiKey } = await accessOptions(access);
    if (apiKey !== undefined) await connection.setApiKey(apiKey);
  };
  const renewal = setInterval(() => {
    renew().catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'the token for Temporal could not be read again');
    });
  }, TOKEN_RENEWAL);
  renewal.unref();
  signal?.addEventListener('abort', () => clearInterval(renewal), { once: true });
}

/** There the bytes cost nothing, and compressing them a tenth of the processor time of a large production. */
export function isOnThisMachine(address: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\]):\d+$/.test(address);
}
