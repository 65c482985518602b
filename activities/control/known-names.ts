import type { Db } from '../../catalog/catalog.js';
import { allSites, allStorages } from '../../catalog/resources.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import { storedFiles } from './stored-files.js';

/** Throws `FABRICA_DEFINITION_INVALID` for sites, areas and storages that are not there. */
export async function checkNames(db: Db, definition: Definition): Promise<void> {
  const problems: string[] = [];
  const sites = await allSites(db);
  const storages = await allStorages(db);
  const areas = new Set(storages.map((storage) => storage.area));
  definition.sites.forEach((name, i) => {
    if (!sites.some((site) => site.name === name)) {
      problems.push(
        `sites[${i}]: no site is named ${name}; there are ${sites.map((site) => site.name).join(', ')}`,
      );
    }
  });
  definition.diagnosis.forEach(({ site }, i) => {
    if (site !== undefined && !sites.some((one) => one.name === site)) {
      problems.push(`diagnosis[${i}].site: no site is named ${site}`);
    }
  });
  definition.distribution.areas.forEach((name, i) => {
    if (!areas.has(name)) {
      problems.push(
        `distribution.areas[${i}]: no storage is in an area ${name}; there are ${[...areas].join(', ')}`,
      );
    }
  });
  const wanted = definition.distribution.areas;
  const targets = storages.filter(
    (storage) =>
      storage.purpose === 'final' && (wanted.length === 0 || wanted.includes(storage.area)),
  );
  if (problems.length === 0 && targets.length < definition.distribution.copies) {
    problems.push(
      `distribution.copies: ${definition.distribution.copies} copies need as many final storages` +
        `${wanted.length === 0 ? '' : ` in ${wanted.join(', ')}`}, and there are ${targets.length}` +
        ` (${targets.map((storage) => storage.name).join(', ') || 'none'})`,
    );
  }
  for (const payload of storedFiles(definition)) {
    if (!storages.some((storage) => storage.name === payload.storage)) {
      problems.push(`payload ${payload.name}: no storage is named ${payload.storage}`);
    }
  }
  if (problems.length > 0) {
    throw new FabricaError('FABRICA_DEFINITION_INVALID', `${problems.join('\n')}\n`);
  }
}
