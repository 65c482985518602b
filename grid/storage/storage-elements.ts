import { systemClock, type Clock } from '../../domain/clock.js';
import type { Configuration } from '../../domain/configuration.js';
import { FabricaError } from '../../domain/errors.js';
import { SimulatedStorage, type SimulatedStorageOptions } from '../simulated/storage.js';
import { Credentials } from '../credentials.js';
import { DirectoryStorage } from './directory.js';
import { S3Storage, type S3StorageOptions } from './s3/storage.js';
import type { StorageElement, StorageElements } from './storage-element.js';
import { WebDavStorage, type WebDavStorageOptions } from './webdav/storage.js';
import { XRootDStorage, type XRootDStorageOptions } from './xrootd/storage.js';

/** A storage as fabrica.yaml describes it. `root` is an absolute path, `credential` the name of one. */
export type StorageConfig =
  | { readonly name: string; readonly kind: 'directory'; readonly root: string }
  | (XRootDStorageOptions & { readonly kind: 'xrootd' })
  | (Omit<WebDavStorageOptions, 'credential'> & {
      readonly kind: 'webdav';
      readonly credential?: string | undefined;
    })
  | (Omit<S3StorageOptions, 'credential'> & {
      readonly kind: 's3';
      readonly credential: string;
    })
  | (Omit<SimulatedStorageOptions, 'folder' | 'speed' | 'clock'> & {
      readonly kind: 'simulated';
      readonly root: string;
    });

/** What storages of some kinds need besides. */
export interface StorageSurroundings {
  /** Simulated seconds per second. (Default: 1) */
  readonly speed?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: none. */
  readonly credentials?: Credentials;
}

function storageElement(
  config: StorageConfig,
  { speed = 1, clock = systemClock, credentials = NO_CREDENTIALS }: StorageSurroundings,
): StorageElement {
  switch (config.kind) {
    case 'directory':
      return new DirectoryStorage(config);
    case 'xrootd':
      return new XRootDStorage(config);
    case 'webdav': {
      const { credential, ...rest } = config;
      if (credential === undefined) return new WebDavStorage(rest);
      return new WebDavStorage({
        ...rest,
        credential: credentials.get(credential, 'token', 'x509'),
      });
    }
    case 's3':
      return new S3Storage({ ...config, credential: credentials.get(config.credential, 's3') });
    case 'simulated':
      return new SimulatedStorage({ ...config, folder: config.root, speed, clock });
  }
}

const NO_CREDENTIALS = new Credentials([], {});

/** The storages of fabrica.yaml, with its credentials as this process finds them. */
export function configuredStorages(
  { credentials, simulation, storages }: Configuration,
  env: NodeJS.ProcessEnv = process.env,
): StorageElements {
  return createStorageElements(storages, {
    speed: simulation.speed,
    credentials: new Credentials(credentials, env),
  });
}

/** The storages of this process. Throws `FABRICA_CONFIGURATION_INVALID` if two have one name. */
export function createStorageElements(
  configs: readonly StorageConfig[],
  surroundings: StorageSurroundings = {},
): StorageElements {
  const storages = new Map<string, StorageElement>();
  for (const config of configs) {
    if (storages.has(config.name)) {
      throw new FabricaError(
        'FABRICA_CONFIGURATION_INVALID',
        `Two storages have the name ${config.name}.`,
        { storage: config.name },
      );
    }
    storages.set(config.name, storageElement(config, surroundings));
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
