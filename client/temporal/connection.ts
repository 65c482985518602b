import { setTimeout as sleep } from 'node:timers/promises';
import { Client, isGrpcServiceError, type Connection } from '@temporalio/client';
import type { Clock } from '../../domain/clock.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { LoadedConfiguration } from '../../worker/configuration-file.js';
import { connectionWithoutRetry } from '../../worker/temporal-connection.js';
import { findEndpoint, type FoundEndpoint } from './endpoint.js';

/** A client of a server that has answered. Close the connection when done. */
export interface ConnectedClient {
  readonly client: Client;
  readonly connection: Connection;
  readonly endpoint: FoundEndpoint;
}

/** ms. */
const PAUSE = 300;
const CALL = 3000;
/** gRPC's status for a namespace that is not there. */
const NOT_FOUND = 5;

/**
 * Connects to Temporal. While it does not answer it is tried again, for `seconds` (default: 10), and `tell` is called once.
 * Throws `FABRICA_TEMPORAL_UNREACHABLE`.
 */
export async function connectClient(
  loaded: LoadedConfiguration,
  options: {
    readonly clock: Clock;
    readonly tell: (message: string) => void;
    readonly seconds?: number;
  },
): Promise<ConnectedClient> {
  const { clock, seconds = 10, tell } = options;
  const deadline = clock.now() + 1000 * seconds;
  let told = false;
  for (;;) {
    const endpoint = findEndpoint(loaded);
    const where = endpoint === null ? '`fabrica up`' : `Temporal at ${endpoint.address}`;
    const attempt =
      endpoint === null
        ? { why: 'it is still starting', final: false }
        : await connectOnce(endpoint);
    if ('client' in attempt) return attempt;
    if (attempt.final || clock.now() >= deadline) {
      const tried = attempt.final ? '' : ` (tried for ${seconds} s)`;
      throw new FabricaError(
        'FABRICA_TEMPORAL_UNREACHABLE',
        `${where} does not serve${tried}: ${attempt.why}.`,
        { address: endpoint?.address },
      );
    }
    if (!told) tell(`${where} does not answer; trying again for ${seconds} s`);
    told = true;
    await sleep(PAUSE);
  }
}

type Attempt = ConnectedClient | { readonly why: string; readonly final: boolean };

async function connectOnce(endpoint: FoundEndpoint): Promise<Attempt> {
  const { address, namespace } = endpoint;
  const connection = connectionWithoutRetry(address);
  try {
    await connection.withDeadline(Date.now() + CALL, async () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return { client: new Client({ connection, namespace }), connection, endpoint };
  } catch (error) {
    await connection.close();
    const details = isGrpcServiceError(error) ? error.details : '';
    const code: number = isGrpcServiceError(error) ? error.code : 0;
    const final = code === NOT_FOUND;
    return { why: shortReason(details === '' ? messageOf(error) : details), final };
  }
}

/** gRPC's words without what means nothing to a person. */
function shortReason(text: string): string {
  return text
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? Resolution note:.*$/s, '')
    .replace(/\.$/, '');
}
