import type { Clock } from '../../domain/clock.js';
import { FabricaError } from '../../domain/errors.js';
import { CONTROL_QUEUE } from '../../domain/names.js';
import type { LoadedConfiguration } from '../../worker/configuration-file.js';
import { findEndpoint, type FoundEndpoint } from './endpoint.js';
import type { ConnectedClient } from './connection.js';

/** ms. */
const CALL = 3000;

/**
 * Why nobody works on anything: no system runs, Temporal does not answer, or no control process polls its queue. Null if one does, or if
 * `fabrica up` is just starting. Takes some seconds at most. A control process that was killed is missed some two minutes later.
 */
export async function whyNothingRuns(
  loaded: LoadedConfiguration,
  clock: Clock,
): Promise<string | null> {
  let endpoint: FoundEndpoint | null;
  try {
    endpoint = findEndpoint(loaded);
  } catch (error) {
    if (!(error instanceof FabricaError)) throw error;
    return `no \`fabrica up\` runs on the state directory ${loaded.stateDirectory}`;
  }
  if (endpoint === null) return null;
  const connected = await connect(loaded, clock);
  if (connected === null) return `Temporal at ${endpoint.address} does not answer`;
  try {
    return await whyNoControl(connected);
  } finally {
    await connected.connection.close();
  }
}

/** Why no control process works, asked on a connection that is open; null if one does. */
export async function whyNoControl({
  connection,
  endpoint: { address, namespace },
}: Pick<ConnectedClient, 'connection' | 'endpoint'>): Promise<string | null> {
  const { pollersOf } = await import('./pollers.js');
  const queue = { namespace, name: CONTROL_QUEUE, type: 'workflows' } as const;
  const pollers = await connection.withDeadline(Date.now() + CALL, async () =>
    pollersOf(connection, queue),
  );
  return pollers.length > 0
    ? null
    : `no control process polls the queue ${CONTROL_QUEUE} of Temporal at ${address}, namespace ${namespace}`;
}

/** Whether what has failed with one production will fail with every other: Temporal, the catalog or the control process is away. */
export async function isOver(
  error: FabricaError,
  connected: Pick<ConnectedClient, 'connection' | 'endpoint'>,
): Promise<boolean> {
  if (/^FABRICA_(TEMPORAL|CATALOG)_/.test(error.code)) return true;
  // One that has not answered in time may only have much to do.
  return error.code === 'FABRICA_WORKER_ABSENT' && (await whyNoControl(connected)) !== null;
}

async function connect(loaded: LoadedConfiguration, clock: Clock): Promise<ConnectedClient | null> {
  // Temporal's packages take longer to load than most commands to run.
  const { connectClient } = await import('./connection.js');
  try {
    return await connectClient(loaded, { clock, tell: () => undefined, seconds: 0 });
  } catch (error) {
    if (error instanceof FabricaError) return null;
    throw error;
  }
}
