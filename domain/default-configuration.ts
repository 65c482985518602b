import { type Configuration, configurationSchema } from './configuration.js';

/**
 * The configuration of a computer without `fabrica.yaml`: three small sites in two areas and their storages, all of them folders
 * below the state directory. Two slots each: three sites on two cores share them, and one of them can fail or be banned.
 * @param stateDirectory absolute path
 */
export function defaultConfiguration(stateDirectory: string): Configuration {
  const storage = (name: string, area: string, purpose: 'temporary' | 'final') => ({
    name,
    kind: 'directory' as const,
    area,
    root: `${stateDirectory}/storages/${name}`,
    purpose,
  });
  const site = (name: string, area: string, storages: readonly string[]) => ({
    name,
    area,
    slots: 2,
    hs23PerCore: 20,
    storages: [...storages],
  });
  return configurationSchema.parse({
    state: stateDirectory,
    areas: ['asia', 'america'],
    sites: [
      site('KMI', 'asia', ['KMI-TMP', 'KMI-DISK', 'KEK-DISK']),
      site('PNNL', 'america', ['PNNL-TMP', 'PNNL-DISK']),
      site('UVic', 'america', ['UVic-TMP', 'UVic-DISK']),
    ],
    storages: [
      storage('KMI-TMP', 'asia', 'temporary'),
      storage('PNNL-TMP', 'america', 'temporary'),
      storage('UVic-TMP', 'america', 'temporary'),
      storage('KEK-DISK', 'asia', 'final'),
      storage('KMI-DISK', 'asia', 'final'),
      storage('PNNL-DISK', 'america', 'final'),
      storage('UVic-DISK', 'america', 'final'),
    ],
  });
}
