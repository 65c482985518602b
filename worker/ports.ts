import { createServer } from 'node:net';
import { FabricaError } from '../domain/errors.js';

export interface PortChoice {
  /** What was asked for: 0 is any free port; undefined leaves the choice open. */
  readonly asked: number | undefined;
  /** Where the search begins when nothing was asked for. */
  readonly preferred: number;
  readonly host: string;
  /** What the port is for, in the error. */
  readonly purpose: string;
  /** Ports that are spoken for, though nobody listens yet. (Default: none) */
  readonly taken?: readonly number[];
}

const TRIES = 100;

/**
 * A port that nobody listens on now: the one asked for, else the preferred one or the next free one.
 * Throws `FABRICA_PORT_IN_USE` if the one asked for is taken. NOTE: it is not reserved; whoever binds it must be ready to fail.
 */
export async function choosePort(choice: PortChoice): Promise<number> {
  const { asked, host, preferred, purpose, taken = [] } = choice;
  if (asked !== undefined && asked !== 0) {
    if (!taken.includes(asked) && (await isFree(asked, host))) return asked;
    throw new FabricaError(
      'FABRICA_PORT_IN_USE',
      `Port ${asked}, asked for as ${purpose}, is taken by another process on ${host}.`,
      { port: asked },
    );
  }
  if (asked === undefined) {
    const last = Math.min(preferred + TRIES, 65_536);
    for (let port = preferred; port < last; port++) {
      if (!taken.includes(port) && (await isFree(port, host))) return port;
    }
  }
  return anyPort(host, purpose, taken);
}

async function isFree(port: number, host: string): Promise<boolean> {
  return (await listen(port, host)) !== null;
}

async function anyPort(host: string, purpose: string, taken: readonly number[]): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = await listen(0, host);
    if (port === null) break;
    if (!taken.includes(port)) return port;
  }
  throw new FabricaError('FABRICA_PORT_IN_USE', `No port is free on ${host} as ${purpose}.`);
}

/** The port on which it could listen for a moment; null if it could not. */
function listen(port: number, host: string): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => resolve(found));
    });
  });
}
