import type { ResourceState } from '../../domain/states/resource.js';
import type { Db } from '../catalog.js';
import { allSites, effectiveState, nearStorages, presentWord } from '../resources.js';
import { holdsOpen } from '../open-bundles.js';

/** A site as a line of a list. Times in ms since 1970. */
export interface SiteSummary {
  readonly site: string;
  readonly area: string;
  readonly kind: string;
  /** The state that counts: a person's word until it expires, else Fabrica's own. */
  readonly state: ResourceState;
  readonly slots: number;
  /** Jobs there now, of all productions. */
  readonly open: number;
  readonly storages: readonly string[];
  /** A person's word that counts now; null if there is none. */
  readonly override: {
    readonly state: ResourceState;
    readonly by: string;
    readonly reason: string;
    readonly untilAt: number | null;
  } | null;
}

/** All sites by name. */
export async function listSites(db: Db, now: number): Promise<SiteSummary[]> {
  const counts = await db
    .selectFrom('bundles')
    .select((eb) => ['site', eb.fn.sum<number>('open').as('open')])
    .where(holdsOpen)
    .groupBy('site')
    .execute();
  const open = new Map(counts.map((row) => [row.site, row.open]));
  return (await allSites(db)).map((site) => {
    const word = presentWord(site, now);
    return {
      site: site.name,
      area: site.area,
      kind: site.kind,
      state: effectiveState(site, now),
      slots: site.slots,
      open: open.get(site.name) ?? 0,
      storages: nearStorages(site),
      override:
        word !== null
          ? {
              state: word,
              by: site.override_by ?? '',
              reason: site.override_reason ?? '',
              untilAt: site.override_until,
            }
          : null,
    };
  });
}
