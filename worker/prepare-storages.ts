import { placeOf, type Configuration } from '../domain/configuration.js';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { prepareDirectoryStorage } from '../grid/storage/directory.js';
import { configuredStorages } from '../grid/storage/storage-elements.js';
import { StateLayout } from './state-directory.js';

/** Makes the storages below the state directory; any other must be there already, and it is told which is not. */
export async function prepareStorages(options: {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly log: Log;
}): Promise<void> {
  const { configuration, log, stateDirectory } = options;
  const state = new StateLayout(stateDirectory);
  const elements = configuredStorages(configuration);
  for (const storage of configuration.storages) {
    const { name } = storage;
    const place = placeOf(storage);
    if ('root' in storage && state.holds(place)) await prepareDirectoryStorage(place);
    await elements
      .get(name)
      .check()
      .catch((error: unknown) => {
        log.warn({ storage: name, place, error: messageOf(error) }, 'a storage can not be used');
      });
  }
}
