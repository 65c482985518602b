import type { Catalog, Db } from '../../../catalog/catalog.js';
import { getProduction } from '../../../catalog/productions.js';
import {
  troubledProductions,
  type TroubledProduction,
} from '../../../catalog/views/troubled-productions.js';
import type { Clock } from '../../../domain/clock.js';
import { counted } from '../text.js';
import { ok, warn, type Finding } from './finding.js';

/** More productions in trouble than these are counted only. */
const MOST = 20;

/** No production waits for a person because of what failed. */
export async function checkProductions(catalog: Catalog, clock: Clock): Promise<Finding[]> {
  const { troubled, remedies } = await catalog.read(async (db) => {
    const troubled = await troubledProductions(db);
    const remedies: string[] = [];
    for (const one of troubled.slice(0, MOST)) {
      remedies.push(await remedyFor(one, { catalog, clock, db }));
    }
    return { troubled, remedies };
  });
  if (troubled.length === 0) return [ok('productions', 'none is held, no job is parked')];
  const rest = troubled.length - MOST;
  return [
    ...remedies.flatMap((remedy, i) => {
      const one = troubled[i];
      return one === undefined ? [] : [finding(one, remedy)];
    }),
    ...(rest > 0
      ? [
          warn(
            'productions',
            `${counted(rest, 'more production is', 'more productions are')} held or has parked jobs`,
            '`fabrica list --state Held` lists the held ones.',
          ),
        ]
      : []),
  ];
}

function finding({ name, parked, reason, state }: TroubledProduction, remedy: string): Finding {
  const jobs = parked === 0 ? '' : `, ${counted(parked, 'job')} parked`;
  const why = state !== 'Held' || reason === '' ? '' : `: ${reason}`;
  return warn(`production ${name}`, `${state}${jobs}${why}`, remedy);
}

/** Nothing that would be refused: what opens a site to one that is held for its sites, and what becomes of parked jobs. */
async function remedyFor(
  { heldFor, name, parked, state }: TroubledProduction,
  { catalog, clock, db }: { catalog: Catalog; clock: Clock; db: Db },
): Promise<string> {
  const failed = `\`fabrica failures ${name}\` tells what failed; \`fabrica release ${name}\` tries it again, \`fabrica waive ${name}\` gives parked jobs that make events up.`;
  if (heldFor === 'sites') {
    const { whyHeldForSites } = await import('../../../activities/control/closed-sites.js');
    const held = await whyHeldForSites({ catalog, clock }, db, await getProduction(db, name));
    const goesOn = held?.remedy ?? 'It goes on by itself: a site takes its jobs again.';
    return parked === 0 ? goesOn : `${goesOn} ${failed}`;
  }
  return state === 'Held' || state === 'Active'
    ? failed
    : `\`fabrica show ${name}\` tells what it waits for; parked jobs can be released or waived once it is Active.`;
}
