import { copyFileSync } from 'node:fs';
import path from 'node:path';
import type { Configuration } from '../domain/configuration.js';
import type { DefinitionInput } from '../domain/definition.js';
import { loadConfiguration } from '../worker/configuration-file.js';

const EXAMPLE = path.resolve('examples/simulated/fabrica.yaml');

/** The grid of the simulated example with its state in a folder, on free ports; `simulation` changes how its jobs fare. */
export function exampleGrid(
  folder: string,
  simulation: Partial<Configuration['simulation']>,
): Configuration {
  const file = path.join(folder, 'fabrica.yaml');
  copyFileSync(EXAMPLE, file);
  const { configuration } = loadConfiguration({ file, state: folder, env: {}, cwd: folder });
  return {
    ...configuration,
    temporal: { ...configuration.temporal, port: 0, uiPort: 0 },
    simulation: { ...configuration.simulation, ...simulation },
  };
}

/** The same sites with other numbers of slots, all cores alike: `slots` in all. */
export function withSlots(configuration: Configuration, slots: number): Configuration {
  const all = configuration.sites.reduce((sum, site) => sum + site.slots, 0);
  return {
    ...configuration,
    sites: configuration.sites.map((site) => ({
      ...site,
      slots: Math.max(1, Math.round((site.slots * slots) / all)),
      hs23PerCore: 10,
    })),
  };
}

/** Events of a job of a bench. */
export const EVENTS = 1000;

/** A production of so many jobs, as small in words as can be. */
export function benchProduction(
  name: string,
  jobs: number,
  more: Partial<DefinitionInput>,
): DefinitionInput {
  return {
    name,
    dataset: {
      campaign: 'bench',
      release: 'release-08-00-00',
      globalTag: 'DB00000001',
      experiment: 1003,
      eventType: 'mixed',
    },
    events: jobs * EVENTS,
    fabrication: {
      command: ['generate', '{seed}', '{output}'],
      outputs: [{ file: 'mdst.root' }],
      eventsPerJob: EVENTS,
    },
    merge: { command: ['merge', '{output}', '{inputs}'], targetSize: '2 GB' },
    distribution: { copies: 2, areas: ['asia', 'america', 'europe'] },
    ...more,
  };
}
