import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { messageOf } from '../domain/errors.js';
import { accessOptions, type TemporalAccess, type TlsOptions } from './temporal-access.js';

export interface TemporalEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Undefined for a server that is reached without. */
  readonly access?: TemporalAccess | undefined;
}

/** What to do about a server that was named and does not serve. */
export const UNREACHABLE_REMEDY =
  'Start Temporal there, or correct the address (--address, TEMPORAL_ADDRESS, or temporal.address in fabrica.yaml); without one `fabrica up` starts a server of its own.';

/** ms. */
const PROBE_PAUSE = 25;
const CALL = 5000;
const ACCEPT = 1000;

/**
 * Resolves when the server answers and has the namespace. `tell` is called once, with the reason, when it does not at the first try.
 * Throws when the signal aborts, with the last reason.
 */
export async function untilTemporalServes(
  options: TemporalEndpoint & {
    readonly signal: AbortSignal;
    readonly tell?: (why: string) => void;
    /** ms between two tries. (Default: 25, for a server of this machine that is just starting) */
    readonly pause?: number;
  },
): Promise<void> {
  const { namespace, pause = PROBE_PAUSE, signal, tell } = options;
  const pauseAfter = async (why: string, first: boolean): Promise<void> => {
    if (first) tell?.(why);
    try {
      await sleep(pause, undefined, { signal });
    } catch (error) {
      throw new Error(why, { cause: error });
    }
  };
  let tries = 0;
  // gRPC waits a second after a refused connection; a bare connection tells without delay when it is worth while.
  for (;;) {
    const why = await whyNoConnection(options);
    if (why === null) break;
    await pauseAfter(why, ++tries === 1);
  }
  const connection = await connectionWithoutRetry(options);
  try {
    for (;;) {
      try {
        await connection.withDeadline(Date.now() + CALL, async () =>
          connection.workflowService.describeNamespace({ namespace }),
        );
        return;
      } catch (error) {
        await pauseAfter(shortReason(error), ++tries === 1);
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
export async function connectionWithoutRetry({
  access,
  address,
}: Omit<TemporalEndpoint, 'namespace'>): Promise<Connection> {
  return Connection.lazy({ address, interceptors: [], ...(await accessOptions(access)) });
}

/** Why nobody can be reached there, for a person; null if something listens, and takes the access. Answers within a second or two. */
export async function whyNoConnection({
  access,
  address,
}: Omit<TemporalEndpoint, 'namespace'>): Promise<string | null> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const { tls } = await accessOptions(access);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(at + 1)) });
    const answer = (why: string | null): void => {
      socket.destroy();
      resolve(why);
    };
    // An address is not looked up.
    let found = isIP(host) !== 0;
    socket.once('lookup', () => (found = true));
    socket.setTimeout(ACCEPT, () => {
      answer(found ? 'the host does not answer' : `the name ${host} can not be looked up now`);
    });
    socket.once('connect', () => {
      if (tls === undefined) answer(null);
      else void whyNoTls(socket, host, tls).then(answer);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => answer(connectError(host, error)));
  });
}

/** How reasons begin that are certificates, which do not change by themselves. */
export const OF_TLS = 'TLS: ';

/** ms after the handshake within which a server refuses a certificate of the caller. */
const REFUSAL = 300;

function whyNoTls(
  socket: Socket,
  host: string,
  { clientCertPair, serverNameOverride, serverRootCACertificate }: TlsOptions,
): Promise<string | null> {
  const name = serverNameOverride ?? host;
  return new Promise((resolve) => {
    const secured = connectTls({
      socket,
      ALPNProtocols: ['h2'],
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(serverRootCACertificate === undefined
        ? {}
        : { ca: Buffer.from(serverRootCACertificate) }),
      ...(clientCertPair === undefined
        ? {}
        : { cert: Buffer.from(clientCertPair.crt), key: Buffer.from(clientCertPair.key) }),
    });
    secured.once('secureConnect', () => setTimeout(() => resolve(null), REFUSAL));
    secured.once('error', (error: Error) => resolve(`${OF_TLS}${tlsReason(error)}`));
    secured.once('close', () =>
      resolve(
        `${OF_TLS}the server ends the connection; it may not take the certificate of the caller`,
      ),
    );
  });
}

/** OpenSSL's words without its places in the source: `tlsv13 alert certificate required`. */
function tlsReason({ message }: Error): string {
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1];
  return reason ?? message.trim();
}

function connectError(host: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'the connection is refused: nothing listens on this port';
    case 'ENOTFOUND':
      return `there is no host ${host}`;
    case 'EAI_AGAIN':
      return `the name ${host} can not be looked up now`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no route leads to ${host}`;
    case 'ETIMEDOUT':
      return 'the host does not answer';
    default:
      return error.message === '' ? String(error.code) : error.message;
  }
}

/** gRPC's words for a failed call, without what means nothing to a person. */
export function shortReason(error: unknown): string {
  const details = isGrpcServiceError(error) ? error.details : '';
  return (details === '' ? messageOf(error) : details)
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? Resolution note:.*$/s, '')
    .replace(/\.$/, '');
}
