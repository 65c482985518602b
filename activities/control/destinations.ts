import type { BlockRow } from '../../catalog/blocks.js';
import type { JobStage } from '../../catalog/jobs.js';
import {
  effectiveState,
  nearStorages,
  type SiteRow,
  type StorageRow,
} from '../../catalog/resources.js';
import type { Definition } from '../../domain/definition.js';
import { planDistribution } from '../../policy/distribution-plan.js';

/** Storages that a job may try to leave an output on: each is looked at for what the job may have left there. */
const MOST_DESTINATIONS = 4;

/** What decides where the jobs of a stage of a block leave their outputs. */
export interface OutputPlaces {
  readonly block: Pick<BlockRow, 'home_storage'>;
  readonly stage: JobStage;
  readonly definition: Definition;
  readonly storages: readonly StorageRow[];
  readonly now: number;
}

/** Where jobs at a site may leave their outputs, in order of preference; empty if all storages are full: such a job would only fail. */
export function destinationsAt(site: SiteRow, places: OutputPlaces, turn = 0): string[] {
  return places.stage === 'merge' || places.definition.merge === undefined
    ? finalDestinations(site, places, turn)
    : temporaryDestinations(site, places);
}

/** The block's home, then the temporary storages near the site, then any other; at most four of them. */
function temporaryDestinations(site: SiteRow, { block, now, storages }: OutputPlaces): string[] {
  const usable = storages.filter((storage) => effectiveState(storage, now) !== 'Banned');
  const temporary = usable.filter((storage) => storage.purpose === 'temporary');
  const names = new Set(temporary.map((storage) => storage.name));
  const near = nearStorages(site).filter((name) => names.has(name));
  return [...new Set([block.home_storage, ...near, ...names])].slice(0, MOST_DESTINATIONS);
}

/** Where the first copy of a final file shall be: storages of the distribution plan, those near the site first. */
function finalDestinations(
  site: SiteRow,
  { definition, now, storages }: OutputPlaces,
  turn: number,
): string[] {
  const targets = storages.map((storage) => ({
    name: storage.name,
    area: storage.area,
    purpose: storage.purpose,
    free: storage.free,
    usable: effectiveState(storage, now) !== 'Banned',
  }));
  const near = nearStorages(site);
  const planned = planDistribution(
    { size: 0, present: [], turn },
    { ...definition.distribution, copies: targets.length },
    targets,
  ).copyTo;
  return [...planned]
    .sort((a, b) => Number(near.includes(b)) - Number(near.includes(a)))
    .slice(0, MOST_DESTINATIONS);
}
