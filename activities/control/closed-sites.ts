import type { Selectable } from 'kysely';
import type { Db } from '../../catalog/catalog.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allSites, effectiveState, type SiteRow } from '../../catalog/resources.js';
import type { ExclusionTable } from '../../catalog/tables.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import type { Definition } from '../../domain/definition.js';
import { refused, type CommandEffect } from './command-effect.js';
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
  // First of all, for nobody has to open a site that is not wanted.
  if (!mayUse(definition, site)) return 'not in the definition';
  const state = effectiveState(site, clock.now());
  if (site.epoch !== catalog.epoch) {
    return 'jobs of an earlier epoch may still run there: `fabrica recover`';
  }
  if (state === 'Banned' || state === 'Probing') {
    const why = site.override_reason ?? '';
    return why === '' ? state : `${state}: ${why}`;
  }
  return excluded.get(site.name)?.why ?? '';
}

/** A site that a production may use, and why nothing of it may go there; empty if it may. */
interface ListedSite {
  readonly site: SiteRow;
  readonly why: string;
}

async function listedSites(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
  excluded: Exclusions,
): Promise<ListedSite[]> {
  const { definition } = await revisionOf(db, production);
  return (await allSites(db))
    .filter((site) => mayUse(definition, site))
    .map((site) => ({ site, why: whyClosed(context, site, definition, excluded) }));
}

/** Why none of the sites that the production may use takes its jobs; null if one does, or is just being tried. */
export async function whyNoSite(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
): Promise<string | null> {
  const now = context.clock.now();
  const excluded = await exclusionsAt(db, production, now);
  const listed = await listedSites(context, db, production, excluded);
  const trying = listed.some(({ site }) => effectiveState(site, now) === 'Probing');
  if (trying || listed.some(({ why }) => why === '')) return null;
  const shown = listed.slice(0, SITES_TOLD).map(({ site, why }) => `${site.name} (${why})`);
  const more = listed.length > SITES_TOLD ? ` and ${listed.length - SITES_TOLD} more` : '';
  return `no site takes its jobs: ${shown.join(', ')}${more}`;
}

/** The refusal of a command that wants a production to go on that is held for its sites: which they are, and what opens one. Null if one takes jobs. */
export async function sitesRefusal(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
): Promise<CommandEffect | null> {
  const why = await whyNoSite(context, db, production);
  if (why === null) return null;
  const { name } = production;
  const now = context.clock.now();
  const excluded = await exclusionsAt(db, production, now);
  const closed = (await listedSites(context, db, production, NONE_EXCLUDED)).map(
    ({ site }) => site,
  );
  const banned = closed.filter((site) => effectiveState(site, now) === 'Banned');
  const left = closed.some((site) => excluded.has(site.name) && !banned.includes(site));
  const [first] = banned;
  const ways = [
    ...(first === undefined
      ? []
      : [
          `\`fabrica site unban ${banned.length === 1 ? first.name : 'NAME'}\` lets its jobs go to a site that is banned`,
        ]),
    ...(left
      ? [`\`fabrica release ${name}\` tries those again where too many of its jobs failed`]
      : []),
    `\`fabrica amend ${name} --set 'sites=[...]'\` gives it others`,
  ];
  return refused(
    `it is held: ${why}`,
    `It goes on by itself when a site takes its jobs: ${ways.join('; ')}.`,
  );
}

/** The same of a release, which tries the sites again that a production leaves out for its failures. Null where there are such. */
export async function releaseRefusal(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
): Promise<CommandEffect | null> {
  const excluded = await exclusionsAt(db, production, context.clock.now());
  return excluded.size > 0 ? null : sitesRefusal(context, db, production);
}

const NONE_EXCLUDED: Exclusions = new Map();
