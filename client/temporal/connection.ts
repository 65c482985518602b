import { setTimeout as sleep } from 'node:timers/promises';
import { Client, isGrpcServiceError, type Connection } from '@temporalio/client';
import type { Clock } from '../../domain/clock.js';
import { FabricaError } from '../../domain/errors.js';
import type { LoadedConfiguration } from '../../worker/configuration-file.js';
import {
  connectionWithoutRetry,
  OF_TLS,
  shortReason,
  UNREACHABLE_REMEDY,
  whyNoConnection,
} from '../../worker/temporal-connection.js';
import { findEndpoint, type FoundEndpoint } from './endpoint.js';
import { clause } from '../../domain/clause.js';

/** A client of a server that has answered. Close the connection when done. */
export interface ConnectedClient {
  readonly client: Client;
  readonly connection: Connection;
  readonly endpoint: FoundEndpoint;
}

/** ms. */
const PAUSE = 300;
const CALL = 3000;
/** gRPC's status for a namespace that is not there, and for callers that may not or that nobody knows: asking again changes nothing. */
const FINAL: readonly number[] = [5, 7, 16];

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
    const tellOnce = (why: string): void => {
      if (!told && seconds > 0) {
        tell(`${where} does not serve yet: ${why}; trying again for ${seconds} s`);
      }
      told = true;
    };
    const attempt =
      endpoint === null
        ? { why: 'it is still starting', final: false }
        : await connectOnce(endpoint, tellOnce);
    if ('client' in attempt) return attempt;
    if (attempt.final || clock.now() >= deadline) {
      const tried = attempt.final ? '' : ` (tried for ${seconds} s)`;
      throw new FabricaError(
        'FABRICA_TEMPORAL_UNREACHABLE',
        `${where} does not serve${tried}: ${clause(attempt.why)}.`,
        { address: endpoint?.address },
        endpoint === null ? {} : { remedy: UNREACHABLE_REMEDY },
      );
    }
    tellOnce(attempt.why);
    await sleep(PAUSE);
  }
}

type Attempt = ConnectedClient | { readonly why: string; readonly final: boolean };

/** `tell` hears early of an address that nobody can be reached at: gRPC may keep silent until its deadline. */
async function connectOnce(endpoint: FoundEndpoint, tell: (why: string) => void): Promise<Attempt> {
  const { namespace } = endpoint;
  const connection = await connectionWithoutRetry(endpoint);
  const nobody = whyNoConnection(endpoint);
  void nobody.then((why) => why !== null && tell(why));
  try {
    await connection.withDeadline(Date.now() + CALL, async () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return { client: new Client({ connection, namespace }), connection, endpoint };
  } catch (error) {
    await connection.close();
    // HAZARD: a proxy may lead gRPC where a bare connection does not, so the call decides and the other only explains.
    const refused = isGrpcServiceError(error) && FINAL.includes(Number(error.code));
    const why = (await nobody) ?? shortReason(error);
    return { why, final: refused || why.startsWith(OF_TLS) };
  }
}
