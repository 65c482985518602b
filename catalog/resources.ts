import type { Selectable } from 'kysely';
import { placeOf, type Configuration } from '../domain/configuration.js';
import { FabricaError } from '../domain/errors.js';
import type { ResourceState } from '../domain/states/resource.js';
import type { Db } from './catalog.js';
import { epochsOf } from './epochs.js';
import { recordEvent } from './events.js';
import { holdsOpen } from './open-bundles.js';
import type { SiteTable, StorageTable } from './tables.js';

export type SiteRow = Selectable<SiteTable>;
export type StorageRow = Selectable<StorageTable>;

/** Makes sites and storages of the catalog those of the configuration; states and overrides of known ones stay. */
export async function syncResources(
  db: Db,
  configuration: Pick<Configuration, 'sites' | 'storages'>,
  now: number,
): Promise<void> {
  const epochs = await epochsOf(db);
  const fresh = {
    state: 'Active' as const,
    override: null,
    override_by: null,
    override_reason: null,
    override_until: null,
    updated_at: now,
    // Where there was another epoch, a site or storage that is new here may have known it.
    epoch: epochs.length > 1 ? '' : (epochs[0]?.epoch ?? ''),
  };
  for (const site of configuration.sites) {
    const columns = {
      area: site.area,
      kind: site.compute.kind,
      slots: site.slots,
      hs23_per_core: site.hs23PerCore,
      storages: JSON.stringify(site.storages),
    };
    await db
      .insertInto('sites')
      .values({ name: site.name, ...columns, ...fresh })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(columns))
      .execute();
  }
  for (const storage of configuration.storages) {
    const columns = {
      area: storage.area,
      kind: storage.kind,
      root: placeOf(storage),
      purpose: storage.purpose,
    };
    await db
      .insertInto('storages')
      .values({ name: storage.name, ...columns, total: null, free: null, ...fresh })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(columns))
      .execute();
  }
}

/** What a person's word makes of a site or storage; null if there is none, or it has expired. */
export function presentWord(
  { override, override_until: until }: Pick<SiteRow, 'override' | 'override_until'>,
  now: number,
): ResourceState | null {
  return until === null || until > now ? override : null;
}

/** The state that counts now: a person's override until it expires, else the policy's. */
export function effectiveState(
  resource: Pick<SiteRow, 'state' | 'override' | 'override_until'>,
  now: number,
): ResourceState {
  return presentWord(resource, now) ?? resource.state;
}

export async function allSites(db: Db): Promise<SiteRow[]> {
  return db.selectFrom('sites').selectAll().orderBy('name').execute();
}

/** A site; none once the configuration has lost it. */
export async function siteNamed(db: Db, name: string): Promise<SiteRow | undefined> {
  return db.selectFrom('sites').selectAll().where('name', '=', name).executeTakeFirst();
}

/** The sites that are not banned now. */
export async function usableSites(db: Db, now: number): Promise<string[]> {
  const states = await db
    .selectFrom('sites')
    .select(['name', 'state', 'override', 'override_until'])
    .orderBy('name')
    .execute();
  return states.filter((site) => effectiveState(site, now) !== 'Banned').map(({ name }) => name);
}

export async function allStorages(db: Db): Promise<StorageRow[]> {
  return db.selectFrom('storages').selectAll().orderBy('name').execute();
}

/** Storages near a site, the nearest first. */
export function nearStorages(site: Pick<SiteRow, 'storages'>): string[] {
  return JSON.parse(site.storages) as string[];
}

/** A person's word about a site, as it counts. */
export interface SiteWord {
  readonly state: ResourceState;
  readonly by: string;
  readonly reason: string;
  /** ms. */
  readonly since: number;
  readonly until: number | null;
}

function wordOn(site: SiteRow, now: number): SiteWord | null {
  const { override_by: by, override_reason: reason, override_until: until } = site;
  const state = presentWord(site, now);
  if (state === null) return null;
  return { state, by: by ?? '', reason: reason ?? '', since: site.updated_at, until };
}

/** What a person's word about a site has changed: the word before, and whether the new one says anything else. */
export interface WordChange {
  readonly before: SiteWord | null;
  readonly changed: boolean;
}

/**
 * Sets or takes back (`state: null`) a person's word about a site. The new word takes the place of the one before, whose reason stays where none
 * is given; one that says nothing new changes nothing. Throws `FABRICA_SITE_UNKNOWN`.
 */
export async function overrideSite(
  db: Db,
  change: {
    site: string;
    state: ResourceState | null;
    who: string;
    why: string;
    until: number | null;
    now: number;
    /** Only where there is no word, or the one of this person. (Default: whosever it is) */
    insteadOf?: string | undefined;
  },
): Promise<WordChange> {
  const site = await siteNamed(db, change.site);
  if (site === undefined) {
    const sites = await allSites(db);
    throw new FabricaError(
      'FABRICA_SITE_UNKNOWN',
      `No site is named ${change.site}; there are ${sites.map(({ name }) => name).join(', ')}.`,
      { site: change.site },
    );
  }
  const before = wordOn(site, change.now);
  const { insteadOf } = change;
  if (insteadOf !== undefined && before !== null && before.by !== insteadOf) {
    return { before, changed: false };
  }
  const why = change.why === '' ? (before?.reason ?? '') : change.why;
  const same =
    before === null
      ? change.state === null
      : before.state === change.state && before.until === change.until && before.reason === why;
  if (same) return { before, changed: false };
  await db
    .updateTable('sites')
    .set({
      override: change.state,
      override_by: change.state === null ? null : change.who,
      override_reason: change.state === null ? null : why,
      override_until: change.state === null ? null : change.until,
      updated_at: change.now,
    })
    .where('name', '=', change.site)
    .execute();
  await recordEvent(db, {
    at: change.now,
    who: change.who,
    what:
      change.state === null
        ? `site ${change.site} unbanned`
        : `site ${change.site} ${change.state}`,
    why: change.why,
    data: { site: change.site, until: change.until, before },
  });
  return { before, changed: true };
}

/** Attempts that are submitted or running at a site. */
export interface OpenAtSite {
  open: number;
  /** Those of one production. */
  mine: number;
  /** Those of scouts and merges of all productions. */
  urgent: number;
}

/** What is open at each site; `mine` is of this production. */
export async function openAtSites(db: Db, production: number): Promise<Map<string, OpenAtSite>> {
  const rows = await db
    .selectFrom('bundles')
    .select((eb) => ['site', 'production_id', 'kind', eb.fn.sum<number>('open').as('open')])
    .where(holdsOpen)
    .groupBy(['site', 'production_id', 'kind'])
    .execute();
  const sites = new Map<string, OpenAtSite>();
  for (const { kind, open, production_id, site } of rows) {
    const known = sites.get(site) ?? { open: 0, mine: 0, urgent: 0 };
    known.open += open;
    if (production_id === production) known.mine += open;
    if (kind !== 'fabrication') known.urgent += open;
    sites.set(site, known);
  }
  return sites;
}
