import type { Catalog } from '../../../catalog/catalog.js';
import { listResources } from '../../../catalog/views/resource-list.js';
import { banText } from '../pages/ban-text.js';
import { ok, warn, type Finding } from './finding.js';

/** Sites and storages that get nothing new, each with whose word that is. */
export async function checkBans(catalog: Catalog, now: number): Promise<Finding[]> {
  const { sites, storages } = await catalog.read((db) => listResources(db, now));
  const findings = [
    ...sites
      .filter(({ state }) => state === 'Banned')
      .map((site) =>
        warn(
          `ban of site ${site.name}`,
          banText(site),
          `\`fabrica site unban ${site.name}\` when it is well again.`,
        ),
      ),
    ...storages
      .filter(({ state }) => state === 'Banned')
      .map((storage) =>
        warn(
          `ban of storage ${storage.name}`,
          banText(storage),
          'It gets nothing new; see that others of its purpose have room.',
        ),
      ),
  ];
  return findings.length > 0 ? findings : [ok('bans', 'no site and no storage is banned')];
}
