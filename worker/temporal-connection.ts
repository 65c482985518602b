import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';

export interface TemporalEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
}

/** ms. */
const PROBE_PAUSE = 25;
const CALL = 5000;

/** Resolves when the server answers and has the namespace. Throws when the signal aborts, with the last reason. */
export async function untilTemporalServes(
  endpoint: TemporalEndpoint & { readonly signal: AbortSignal },
): Promise<void> {
  const { address, namespace, signal } = endpoint;
  // gRPC waits a second after a refused connection; a bare connection tells without delay when it is worth while.
  while (!(await accepts(address))) {
    signal.throwIfAborted();
    await sleep(PROBE_PAUSE, undefined, { signal });
  }
  const connection = connectionWithoutRetry(address);
  try {
    for (;;) {
      try {
        await connection.withDeadline(Date.now() + CALL, async () =>
          connection.workflowService.describeNamespace({ namespace }),
        );
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        await sleep(PROBE_PAUSE, undefined, { signal });
      }
    }
  } finally {
    await connection.close();
  }
}

/**
 * A lazy connection of a client whose calls are tried once. HAZARD: the client's usual connection leaves the retry of a call that is past its deadline
 * on a timer; if the connection is closed meanwhile, the timer throws where nobody can catch it and the process ends.
 * So a server that may not answer is asked through this one.
 */
export function connectionWithoutRetry(address: string): Connection {
  return Connection.lazy({ address, interceptors: [] });
}

/** True if something listens there. */
function accepts(address: string): Promise<boolean> {
  const at = address.lastIndexOf(':');
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
    const answer = (listens: boolean): void => {
      socket.destroy();
      resolve(listens);
    };
    socket.setTimeout(1000, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
