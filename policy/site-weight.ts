import { BLAME_OF, type FailureClass } from '../domain/failure-class.js';
import { blameFor, type SiteTally } from './blame.js';
import type { PlacementSite } from './placement-case.js';

/** So many good attempts are taken for granted at each site: two failures of two tell little. */
const BENEFIT_OF_DOUBT = 10;

/** However many fail there, a site keeps this share of what it would have: it may be mended. */
const LEAST_WEIGHT = 0.1;

/**
 * By site, which share of a production's attempts has failed there by the site's fault. Failures that look like the payload's count where they are far
 * more frequent than elsewhere (`blameFor`); those of storages, limits, people and Fabrica never do.
 */
export function failingShares(tallies: readonly SiteTally[]): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  for (const { done, failures, site } of tallies) {
    let all = done;
    let failed = 0;
    for (const [name, count] of Object.entries(failures) as [FailureClass, number][]) {
      if (BLAME_OF[name] === 'person' || BLAME_OF[name] === 'fabrica') continue;
      all += count;
      const { blame } = blameFor({ class: name, siteRule: false }, site, tallies);
      if (blame === 'site') failed += count;
    }
    if (failed > 0) shares.set(site, failed / (all + BENEFIT_OF_DOUBT));
  }
  return shares;
}

/**
 * By how much less goes to each open site because jobs fail there: 1 for no less, by tenths. It is relative to the best of them: where as many fail
 * everywhere, no site is worse than another.
 */
export function siteWeights(
  sites: readonly Pick<PlacementSite, 'name' | 'closed' | 'failing'>[],
): ReadonlyMap<string, number> {
  const open = sites.filter(({ closed }) => closed === '');
  const best = Math.max(...open.map(({ failing }) => 1 - failing));
  return new Map(
    open.map(({ failing, name }) => {
      const relative = best <= 0 ? 1 : (1 - failing) / best;
      return [name, Math.max(LEAST_WEIGHT, Math.round(10 * relative) / 10)];
    }),
  );
}
