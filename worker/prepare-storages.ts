import type { Configuration } from '../domain/configuration.js';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { prepareDirectoryStorage } from '../grid/storage/directory.js';
import { createStorageElements } from '../grid/storage/storage-elements.js';
import { StateLayout } from './state-directory.js';

/** Makes the storages below the state directory; any other must be there already, and it is told which is not. */
export async function prepareStorages(options: {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly log: Log;
}): Promise<void> {
  const { configuration, log, stateDirectory } = options;
  const state = new StateLayout(stateDirectory);
  const elements = createStorageElements(configuration.storages, configuration.simulation);
  for (const { name, root } of configuration.storages) {
    if (state.holds(root)) await prepareDirectoryStorage(root);
    await elements
      .get(name)
      .check()
      .catch((error: unknown) => {
        log.warn({ storage: name, root, error: messageOf(error) }, 'a storage can not be used');
      });
  }
}
