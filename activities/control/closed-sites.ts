import type { Selectable } from 'kysely';
import type { Db } from '../../catalog/catalog.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allSites, effectiveState, type SiteRow } from '../../catalog/resources.js';
import type { ExclusionTable } from '../../catalog/tables.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import type { Definition } from '../../domain/definition.js';
import type { ControlContext } from './context.js';

/** Sites that a production leaves out at present, by name. */
export type Exclusions = ReadonlyMap<string, Selectable<ExclusionTable>>;

/** Sites that are named when none takes jobs. */
const SITES_TOLD = 5;

export function mayUse({ sites }: Pick<Definition, 'sites'>, { name }: SiteRow): boolean {
  return sites.length === 0 || sites.includes(name);
}

/** Why nothing of a production may go to a site; empty if it may. */
export function whyClosed(
  { catalog, clock }: Pick<ControlContext, 'catalog' | 'clock'>,
  site: SiteRow,
  definition: Pick<Definition, 'sites'>,
  excluded: Exclusions,
): string {
  const state = effectiveState(site, clock.now());
  if (site.epoch !== catalog.epoch) {
    return 'jobs of an earlier epoch may still run there: `fabrica recover`';
  }
  if (state === 'Banned' || state === 'Probing') {
    const why = site.override_reason ?? '';
    return why === '' ? state : `${state}: ${why}`;
  }
  return mayUse(definition, site) ? (excluded.get(site.name)?.why ?? '') : 'not in the definition';
}

/** Why none of the sites that the production may use takes its jobs; null if one does, or is just being tried. */
export async function whyNoSite(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
): Promise<string | null> {
  const now = context.clock.now();
  const { definition } = await revisionOf(db, production);
  const excluded = await exclusionsAt(db, production, now);
  const listed = (await allSites(db)).filter((site) => mayUse(definition, site));
  const closed = listed.map((site) => ({
    site,
    why: whyClosed(context, site, definition, excluded),
  }));
  const trying = listed.some((site) => effectiveState(site, now) === 'Probing');
  if (trying || closed.some(({ why }) => why === '')) return null;
  const shown = closed.slice(0, SITES_TOLD).map(({ site, why }) => `${site.name} (${why})`);
  const more = closed.length > SITES_TOLD ? ` and ${closed.length - SITES_TOLD} more` : '';
  return `no site takes its jobs: ${shown.join(', ')}${more}`;
}
