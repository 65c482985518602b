import { allSites } from '../../catalog/resources.js';
import { FabricaError } from '../../domain/errors.js';
import { quoted } from '../../domain/problem.js';
import { nearest } from '../../domain/spelling.js';
import type { Session } from './session.js';

/** Throws `FABRICA_SITE_UNKNOWN`, with the sites there are, for a name that the catalog does not know. */
export async function checkSiteName(session: Session, name: string): Promise<void> {
  const sites = await (await session.catalog()).read(allSites);
  const names = sites.map((site) => site.name);
  if (names.includes(name)) return;
  const meant = nearest(name, names);
  throw new FabricaError(
    'FABRICA_SITE_UNKNOWN',
    `No site is named ${quoted(name)}; there are ${names.join(', ')}.`,
    { site: name },
    meant === null ? {} : { remedy: `Did you mean ${meant}?` },
  );
}
