import { effectiveState, presentWord, type SiteRow } from '../../catalog/resources.js';
import type { ExplainedSite, SiteObstruction } from '../../domain/explanation.js';
import { siteRooms } from '../../policy/site-room.js';
import { closureOf, type Exclusions } from './closed-sites.js';
import type { ControlContext } from './context.js';
import { destinationsAt, type OutputPlaces } from './destinations.js';
import type { GatheredCase, Waiting } from './placement-case.js';

/** How each site stands to the jobs of a production that go next. */
export function explainedSites(
  context: Pick<ControlContext, 'catalog' | 'clock'>,
  gathered: GatheredCase,
  places: OutputPlaces & Waiting,
  excluded: Exclusions,
): ExplainedSite[] {
  const { rooms, passedOver } = siteRooms(gathered.case);
  const { throttled } = gathered;
  const { now, production } = places;
  const parts = gathered.grid.parts.get(production.id);
  const over = new Map(passedOver.map((one) => [one.site, one]));
  return gathered.case.sites.flatMap((one) => {
    const row = gathered.sites.find(({ name }) => name === one.name);
    if (row === undefined) return [];
    const passed = over.get(one.name);
    const nowhere = passed === undefined && destinationsAt(row, places).length === 0;
    const obstruction =
      passed?.kind === 'closed'
        ? (closureOf(context, row, places.definition, excluded)?.by ?? 'banned')
        : (passed?.kind ?? (nowhere ? 'storage' : null));
    return [
      {
        site: one.name,
        state: effectiveState(row, now),
        slots: one.slots,
        open: one.open,
        mine: one.mine,
        part: parts === undefined ? null : (parts.get(one.name) ?? 0),
        room: nowhere ? 0 : (rooms.get(one.name) ?? 0),
        obstruction,
        why: whyPassed(obstruction, row, { throttled, now }) ?? passed?.why ?? '',
        near: one.near,
        failing: one.failing,
        speed: one.speed,
      },
    ];
  });
}

/** What is known better here than by the placement; null if nothing is. */
function whyPassed(
  obstruction: SiteObstruction | null,
  site: SiteRow,
  { now, throttled }: Pick<GatheredCase, 'throttled'> & { now: number },
): string | null {
  if (obstruction === 'banned') return banOf(site, now);
  if (obstruction === 'limit') return throttled;
  return obstruction === 'storage' ? 'no storage takes its outputs' : null;
}

function banOf(site: SiteRow, now: number): string {
  const { override_by: by, override_reason: reason, override_until: until } = site;
  const state = effectiveState(site, now);
  // A person's word that has expired is not whose ban it is.
  if (presentWord(site, now) === null) return `${state} by Fabrica`;
  const end = until === null ? '' : ` until ${new Date(until).toISOString().slice(0, 16)}Z`;
  return `${state} by ${by ?? ''}${end}${reason === null || reason === '' ? '' : `: ${reason}`}`;
}

/**
 * The same while nothing of the production may start: room is told nowhere. Where it waits for sites, what they are passed over for; else only
 * those where jobs of it are still.
 */
export function sitesAtRest(
  sites: readonly ExplainedSite[],
  { waitsForSites }: { readonly waitsForSites: boolean },
): ExplainedSite[] {
  const still = sites.map((site): ExplainedSite => ({ ...site, part: null, room: null }));
  if (waitsForSites) return still;
  return still
    .filter(({ mine }) => mine > 0)
    .map((site) => ({ ...site, obstruction: null, why: '' }));
}
