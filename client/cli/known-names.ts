import { campaignsOf } from '../../catalog/views/campaigns.js';
import { viewCampaign, type CampaignView } from '../../catalog/views/campaign-view.js';
import { allSites, allStorages } from '../../catalog/resources.js';
import { FabricaError } from '../../domain/errors.js';
import { quoted } from '../../domain/problem.js';
import { nearest } from '../../domain/spelling.js';
import type { Session } from './session.js';

/** Throws `FABRICA_SITE_UNKNOWN`, with the sites there are, for a name that the catalog does not know. */
export async function checkSiteName(session: Session, name: string): Promise<void> {
  const sites = await (await session.catalog()).read(allSites);
  const names = sites.map((site) => site.name);
  if (!names.includes(name)) throw unknown('FABRICA_SITE_UNKNOWN', 'site', name, names);
}

/** Throws `FABRICA_STORAGE_UNKNOWN`, with the storages there are, for a name that the catalog does not know. */
export async function checkStorageName(session: Session, name: string): Promise<void> {
  const storages = await (await session.catalog()).read(allStorages);
  const names = storages.map((storage) => storage.name);
  if (!names.includes(name)) throw unknown('FABRICA_STORAGE_UNKNOWN', 'storage', name, names);
}

/** The campaign of this name. Throws `FABRICA_CAMPAIGN_UNKNOWN`. */
export async function campaignOf(
  session: Session,
  name: string,
  trouble = 0,
): Promise<CampaignView> {
  const catalog = await session.catalog();
  const found = await catalog.read((db) => viewCampaign(db, name, { now: session.now, trouble }));
  if (found !== null) return found;
  const meant = nearest(name, await catalog.read(campaignsOf));
  throw new FabricaError(
    'FABRICA_CAMPAIGN_UNKNOWN',
    `No production of a campaign ${quoted(name)} is registered.`,
    { campaign: name },
    meant === null ? {} : { remedy: `Did you mean ${meant}?` },
  );
}

function unknown(
  code: 'FABRICA_SITE_UNKNOWN' | 'FABRICA_STORAGE_UNKNOWN',
  what: 'site' | 'storage',
  name: string,
  names: readonly string[],
): FabricaError {
  const meant = nearest(name, names);
  return new FabricaError(
    code,
    `No ${what} is named ${quoted(name)}; there are ${names.join(', ')}.`,
    { [what]: name },
    { remedy: meant === null ? `Name one of those ${what}s.` : `Did you mean ${meant}?` },
  );
}
