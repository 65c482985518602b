import type { Selectable } from 'kysely';
import type { Db } from '../../catalog/catalog.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allSites, effectiveState, type SiteRow } from '../../catalog/resources.js';
import type { ExclusionTable } from '../../catalog/tables.js';
import { exclusionsAt } from '../../catalog/tallies.js';
import type { Definition } from '../../domain/definition.js';
import type { SiteObstruction } from '../../domain/explanation.js';
import type { WhyRefused } from '../../policy/command-rules.js';
import { waysToSites } from '../../policy/ways-to-sites.js';
import { refused, type CommandEffect } from './command-effect.js';
import type { ControlContext } from './context.js';

/** Sites that a production leaves out at present, by name. */
export type Exclusions = ReadonlyMap<string, Selectable<ExclusionTable>>;

/** Sites that are named when none takes jobs. */
const SITES_TOLD = 5;

export function mayUse({ sites }: Pick<Definition, 'sites'>, { name }: SiteRow): boolean {
  return sites.length === 0 || sites.includes(name);
}

/** What keeps a production from a site, and the same for people. */
export interface Closure {
  readonly by: Extract<SiteObstruction, 'unlisted' | 'epoch' | 'banned' | 'left-out'>;
  readonly why: string;
}

/** What keeps a production from a site; null if nothing does. */
export function closureOf(
  { catalog, clock }: Pick<ControlContext, 'catalog' | 'clock'>,
  site: SiteRow,
  definition: Pick<Definition, 'sites'>,
  excluded: Exclusions,
): Closure | null {
  // First of all, for nobody has to open a site that is not wanted.
  if (!mayUse(definition, site)) return { by: 'unlisted', why: 'not in the definition' };
  if (site.epoch !== catalog.epoch) {
    const why = 'jobs of an earlier epoch may still run there: `fabrica recover`';
    return { by: 'epoch', why };
  }
  const state = effectiveState(site, clock.now());
  if (state === 'Banned' || state === 'Probing') {
    const why = site.override_reason ?? '';
    return { by: 'banned', why: why === '' ? state : `${state}: ${why}` };
  }
  const left = excluded.get(site.name);
  return left === undefined ? null : { by: 'left-out', why: left.why };
}

/** Why nothing of a production may go to a site; empty if it may. */
export function whyClosed(
  context: Pick<ControlContext, 'catalog' | 'clock'>,
  site: SiteRow,
  definition: Pick<Definition, 'sites'>,
  excluded: Exclusions,
): string {
  return closureOf(context, site, definition, excluded)?.why ?? '';
}

/** The sites that a production may use, and why nothing of it may go to each, empty if it may; and which it leaves out. */
interface ListedSites {
  readonly sites: readonly { readonly site: SiteRow; readonly why: string }[];
  readonly excluded: Exclusions;
  /** ms. */
  readonly now: number;
}

/** What decides which sites take jobs. */
type SitesContext = Pick<ControlContext, 'catalog' | 'clock'>;

async function listedSites(
  context: SitesContext,
  db: Db,
  production: ProductionRow,
): Promise<ListedSites> {
  const now = context.clock.now();
  const { definition } = await revisionOf(db, production);
  const excluded = await exclusionsAt(db, production, now);
  const sites = (await allSites(db))
    .filter((site) => mayUse(definition, site))
    .map((site) => ({ site, why: whyClosed(context, site, definition, excluded) }));
  return { sites, excluded, now };
}

function whyNone({ now, sites }: ListedSites): string | null {
  const trying = sites.some(({ site }) => effectiveState(site, now) === 'Probing');
  if (trying || sites.some(({ why }) => why === '')) return null;
  const shown = sites.slice(0, SITES_TOLD).map(({ site, why }) => `${site.name} (${why})`);
  const more = sites.length > SITES_TOLD ? ` and ${sites.length - SITES_TOLD} more` : '';
  return `no site takes its jobs: ${shown.join(', ')}${more}`;
}

/** Why none of the sites that the production may use takes its jobs; null if one does, or is just being tried. */
export async function whyNoSite(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
): Promise<string | null> {
  return whyNone(await listedSites(context, db, production));
}

/** Why a production that is held for its sites does not go on: which they are, and what opens one. Null if one takes jobs. */
export async function whyHeldForSites(
  context: SitesContext,
  db: Db,
  production: ProductionRow,
): Promise<WhyRefused | null> {
  const listed = await listedSites(context, db, production);
  const why = whyNone(listed);
  if (why === null) return null;
  const { name } = production;
  const { excluded, now } = listed;
  const closed = listed.sites.map(({ site }) => site);
  const banned = closed.filter((site) => effectiveState(site, now) === 'Banned');
  const ways = [
    ...waysToSites(name, {
      banned: banned.map((site) => site.name),
      leftOut: closed.some((site) => excluded.has(site.name) && !banned.includes(site)),
    }),
    `\`fabrica amend ${name} --set 'sites=[...]'\` gives it others`,
  ];
  return {
    why: `it is held: ${why}`,
    remedy: `It goes on by itself when a site takes its jobs: ${ways.join('; ')}.`,
  };
}

/** The refusal of a command that wants it to go on. Null if a site takes its jobs. */
export async function sitesRefusal(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
): Promise<CommandEffect | null> {
  const held = await whyHeldForSites(context, db, production);
  return held === null ? null : refused(held.why, held.remedy);
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
