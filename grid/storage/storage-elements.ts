import { FabricaError } from '../../domain/errors.js';
import { DirectoryStorage } from './directory.js';
import type { StorageElement, StorageElements } from './storage-element.js';

/** A storage as fabrica.yaml describes it. `root` is an absolute path. */
export interface StorageConfig {
  readonly name: string;
  readonly kind: 'directory';
  readonly root: string;
}

function storageElement(config: StorageConfig): StorageElement {
  switch (config.kind) {
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the first of several kinds
    case 'directory':
      return new DirectoryStorage(config);
  }
}

/** The storages of this process. Throws `FABRICA_CONFIGURATION_INVALID` if two have one name. */
export function createStorageElements(configs: readonly StorageConfig[]): StorageElements {
  const storages = new Map<string, StorageElement>();
  for (const config of configs) {
    if (storages.has(config.name)) {
      throw new FabricaError(
        'FABRICA_CONFIGURATION_INVALID',
        `Two storages have the name ${config.name}.`,
        { storage: config.name },
      );
    }
    storages.set(config.name, storageElement(config));
  }
  return {
    get(name) {
      const storage = storages.get(name);
      if (storage !== undefined) return storage;
      throw new FabricaError(
        'FABRICA_STORAGE_UNKNOWN',
        `No storage ${name} is configured here; there are: ${[...storages.keys()].join(', ') || 'none'}.`,
        { storage: name },
      );
    },
    has: (name) => storages.has(name),
    names: () => [...storages.keys()],
  };
}
