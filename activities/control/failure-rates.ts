import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import { openAtSites, usableSites } from '../../catalog/resources.js';
import { excludeSite, exclusionsAt, talliesSince } from '../../catalog/tallies.js';
import type { Definition } from '../../domain/definition.js';
import type { FailureClass } from '../../domain/failure-class.js';
import type { SiteTally } from '../../policy/blame.js';
import {
  judgeFailureRate,
  withoutEarlyRefusals,
  type HoldingVerdict,
} from '../../policy/holding.js';

/** How attempts of a production have ended at each site in the window of its definition. */
export async function recentTallies(
  db: Db,
  production: ProductionRow,
  { holding }: Definition,
  now: number,
): Promise<SiteTally[]> {
  const ended = await talliesSince(db, production, now - holding.window * 1000);
  const sites = new Map<
    string,
    { done: number; failures: Partial<Record<FailureClass, number>> }
  >();
  for (const one of ended) {
    const tally = sites.get(one.site) ?? { done: 0, failures: {} };
    sites.set(one.site, tally);
    if (one.class === '') tally.done += one.attempts;
    else tally.failures[one.class] = (tally.failures[one.class] ?? 0) + one.attempts;
  }
  return [...sites].map(([site, tally]) => ({ site, ...tally }));
}

/** Which sites a production has to leave out for its failures, and whether it has to be held for them. */
export async function judgeFailures(
  db: Db,
  production: ProductionRow,
  { holding, sites }: Definition,
  tallies: readonly SiteTally[],
  now: number,
): Promise<HoldingVerdict> {
  const excluded = await exclusionsAt(db, production, now);
  const known = {
    ...holding,
    usable: (await usableSites(db, now)).filter(
      (name) => sites.length === 0 || sites.includes(name),
    ),
    excluded: [...excluded.keys()],
  };
  const verdict = judgeFailureRate({ ...known, tallies });
  const judged = verdict.hold !== null || verdict.exclude.length > 0;
  if (!judged || tallies.every(({ failures }) => failures.submission === undefined)) return verdict;
  const open = await openAtSites(db, production.id);
  return judgeFailureRate({
    ...known,
    tallies: tallies.map((one) =>
      withoutEarlyRefusals(one, open.get(one.site)?.mine ?? 0, holding.failureRate),
    ),
  });
}

/** Leaves bad sites out, and holds a production that fails everywhere. */
export async function heedFailureRates(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  tallies: readonly SiteTally[],
  now: number,
): Promise<void> {
  if (production.state !== 'Active' || tallies.length === 0) return;
  const verdict = await judgeFailures(db, production, definition, tallies, now);
  for (const { site, why } of verdict.exclude) {
    const until = now + definition.holding.window * 1000;
    await excludeSite(db, { production_id: production.id, site, why, since: now, until });
    await recordEvent(db, {
      at: now,
      who: 'fabrica',
      production: production.id,
      what: `site ${site} is left out`,
      why,
      data: { until, tallies: tallies.find((one) => one.site === site) },
    });
  }
  if (verdict.hold !== null) {
    await changeProductionState(db, production, {
      to: 'Held',
      why: verdict.hold,
      who: 'fabrica',
      now,
      data: { tallies },
      heldFor: 'failures',
    });
  }
}
