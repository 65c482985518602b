import type { ResourceState } from '../../domain/states/resource.js';
import type { Db } from '../catalog.js';
import { allSites, allStorages, effectiveState, presentWord, type SiteRow } from '../resources.js';

/** What keeps a resource from getting something new. Times in ms since 1970. */
export interface Resource {
  readonly name: string;
  /** The state that counts: a person's word until it expires, else Fabrica's own. */
  readonly state: ResourceState;
  /** Who has banned it, empty if that was Fabrica itself, and why. */
  readonly by: string;
  readonly reason: string;
  /** When a person's word ends; null if it does not, or if there is none. */
  readonly untilAt: number | null;
}

export interface StorageResource extends Resource {
  readonly area: string;
  readonly purpose: 'temporary' | 'final';
  /** Bytes; null if not known. */
  readonly free: number | null;
}

/** All sites and storages by name, with the words of people that count now. */
export async function listResources(
  db: Db,
  now: number,
): Promise<{ sites: Resource[]; storages: StorageResource[] }> {
  return {
    sites: (await allSites(db)).map((site) => resource(site, now)),
    storages: (await allStorages(db)).map((storage) => ({
      ...resource(storage, now),
      area: storage.area,
      purpose: storage.purpose,
      free: storage.free,
    })),
  };
}

type Overridable = Pick<
  SiteRow,
  'name' | 'state' | 'override' | 'override_by' | 'override_reason' | 'override_until'
>;

function resource(row: Overridable, now: number): Resource {
  const state = effectiveState(row, now);
  const word = presentWord(row, now) === null ? null : row;
  return {
    name: row.name,
    state,
    by: word?.override_by ?? '',
    reason: word?.override_reason ?? '',
    untilAt: word?.override_until ?? null,
  };
}
