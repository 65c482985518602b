import type { Clock } from '../../domain/clock.js';
import type { SiteConfiguration } from '../../domain/configuration.js';
import type { Log } from '../../domain/log.js';
import type { ComputeElement } from './compute-element.js';
import { SimulatedComputeElement } from '../simulated/compute.js';
import type { Simulation } from '../../domain/simulation.js';
import type { StorageElements } from '../storage/storage-element.js';
import { LocalComputeElement } from './local.js';
import { SlurmComputeElement } from './slurm/element.js';

export interface ComputeElementContext {
  /** Where job folders of a local site are, unless its configuration tells. */
  readonly folder: string;
  /** Those of this process, and what is simulated: for sites of kind `simulated`. */
  readonly storages: StorageElements;
  readonly simulation: Simulation;
  readonly clock: Clock;
  readonly log: Log;
}

/** The computing element of a site, of the kind that it is configured to be. */
export function createComputeElement(
  site: SiteConfiguration,
  { folder, storages, simulation, clock, log }: ComputeElementContext,
): ComputeElement {
  const { compute } = site;
  switch (compute.kind) {
    case 'local':
      return new LocalComputeElement({
        site: site.name,
        slots: site.slots,
        folder: compute.folder ?? folder,
        log,
      });
    case 'slurm': {
      const { account, folder: shared, options, partition, qos } = compute;
      return new SlurmComputeElement({
        ...{ site: site.name, slots: site.slots, folder: shared, clock, log },
        submission: { partition, account, qos, options },
      });
    }
    case 'simulated':
      return new SimulatedComputeElement({
        ...{ site: site.name, slots: site.slots, folder: compute.folder ?? folder },
        ...{ storages, clock, speed: simulation.speed, bytesPerEvent: simulation.bytesPerEvent },
        outages: compute.outages,
        diesAt: compute.diesAt ?? null,
        profile: {
          seed: simulation.seed,
          secondsPerEvent: simulation.secondsPerEvent,
          wallOverCpu: simulation.wallOverCpu,
          queueSeconds: compute.queueSeconds ?? simulation.queueSeconds,
          memoryMB: { ...simulation.memory, median: simulation.memory.median / 1e6 },
          hs23PerCore: site.hs23PerCore,
          failures: compute.failures ?? simulation.failures,
        },
      });
  }
}
