import path from 'node:path';
import type { Configuration } from '../../domain/configuration.js';
import { configurationSchema } from '../../domain/configuration.js';
import type { DefinitionInput } from '../../domain/definition.js';

/** Sites of the simulated grid; each has a temporary storage NAME-TMP and a final one NAME-DISK. */
export const SITES = ['KMI', 'PNNL', 'UVic'] as const;

const areaOf = (site: string): string => (site === 'KMI' ? 'asia' : 'america');

/** Simulated seconds per second: an hour takes a second. */
const SPEED = 3600;

/** Sites and storages of `fabrica.yaml`: three small simulated sites; `folder` has what the storages hold. */
export function gridFields(folder: string, failures: Configuration['simulation']['failures'] = {}) {
  return {
    areas: ['asia', 'america'],
    simulation: { speed: SPEED, queueSeconds: { median: 300, spread: 0.5 }, failures },
    sites: SITES.map((name) => ({
      name,
      area: areaOf(name),
      slots: 6,
      storages: [`${name}-TMP`, `${name}-DISK`],
      compute: { kind: 'simulated' },
    })),
    storages: SITES.flatMap((site) =>
      ['TMP', 'DISK'].map((kind) => ({
        name: `${site}-${kind}`,
        kind: 'simulated',
        area: areaOf(site),
        root: path.join(folder, 'storages', `${site}-${kind}`),
        purpose: kind === 'TMP' ? 'temporary' : 'final',
      })),
    ),
  };
}

/** The same in place of what a configuration has. */
export function simulatedGrid(
  standard: Configuration,
  failures: Configuration['simulation']['failures'] = {},
): Configuration {
  const fields = configurationSchema.parse(gridFields(standard.state, failures));
  const { areas, simulation, sites, storages } = fields;
  return { ...standard, areas, simulation, sites, storages };
}

/** A production of few jobs, each of which takes some `seconds` of real time. */
export function fewJobs(name: string, seconds: number, jobs = 24): DefinitionInput {
  // 3 s of CPU time for an event on a core of 10 HS23.
  const eventsPerJob = Math.max(10, Math.round((seconds * SPEED) / 3));
  return {
    name,
    dataset: {
      campaign: `MC-${name}`,
      release: 'release-08-00-00',
      globalTag: 'DB00002649',
      experiment: 1003,
      eventType: 'mixed',
    },
    events: jobs * eventsPerJob,
    fabrication: {
      command: ['generate', '{seed}', '{output}'],
      outputs: [{ file: 'mdst.root' }],
      eventsPerJob,
      limits: { wallTime: '10d' },
    },
    scouts: { jobs: 2 },
    retries: { attempts: 5, backoff: 0.2, maximumBackoff: 1 },
    merge: { command: ['merge', '{output}', '{inputs}'], targetEvents: 6 * eventsPerJob },
    distribution: { copies: 2, areas: ['asia', 'america'] },
  };
}
