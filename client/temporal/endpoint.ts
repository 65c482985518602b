import { FabricaError } from '../../domain/errors.js';
import type { LoadedConfiguration } from '../../worker/configuration-file.js';
import { isAlive } from '../../worker/process-identity.js';
import { configuredAccess } from '../../worker/temporal-access.js';
import type { TemporalEndpoint } from '../../worker/temporal-connection.js';
import { readUpRecord, type UpRecord } from '../../worker/up-record.js';

/** A Temporal server, and its page where that is known. */
export interface FoundEndpoint extends TemporalEndpoint {
  readonly uiUrl: string | null;
}

/** The record of the `fabrica up` that runs on a state directory; null if none runs. */
export function runningUp(stateDirectory: string): UpRecord | null {
  const record = readUpRecord(stateDirectory);
  return record !== null && isAlive(record) ? record : null;
}

/**
 * Where Temporal is: the configured address (option, environment or file), else that of the `fabrica up` which runs on the state
 * directory. Null while that one is still starting. Throws `FABRICA_TEMPORAL_UNREACHABLE` if there is none.
 */
export function findEndpoint(loaded: LoadedConfiguration): FoundEndpoint | null {
  const { configuration, stateDirectory } = loaded;
  const { address, namespace } = configuration.temporal;
  const record = runningUp(stateDirectory);
  if (address !== undefined) {
    const uiUrl = record?.address === address ? record.uiUrl : null;
    return { address, namespace, access: configuredAccess(configuration), uiUrl };
  }
  if (record === null) {
    throw new FabricaError(
      'FABRICA_TEMPORAL_UNREACHABLE',
      `No \`fabrica up\` runs on the state directory ${stateDirectory}, and no Temporal address is given.`,
      { path: stateDirectory },
      {
        remedy:
          'Start `fabrica up`, or give --address, TEMPORAL_ADDRESS, temporal.address in fabrica.yaml, or another --state.',
      },
    );
  }
  if (record.address === null) return null;
  return { address: record.address, namespace: record.namespace, uiUrl: record.uiUrl };
}
