import type { Catalog } from '../../../catalog/catalog.js';
import {
  troubledProductions,
  type TroubledProduction,
} from '../../../catalog/views/troubled-productions.js';
import { counted } from '../text.js';
import { ok, warn, type Finding } from './finding.js';

/** More productions in trouble than these are counted only. */
const MOST = 20;

/** No production waits for a person because of what failed. */
export async function checkProductions(catalog: Catalog): Promise<Finding[]> {
  const troubled = await catalog.read((db) => troubledProductions(db));
  if (troubled.length === 0) return [ok('productions', 'none is held, no job is parked')];
  const rest = troubled.length - MOST;
  return [
    ...troubled.slice(0, MOST).map(finding),
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

function finding({ name, parked, reason, state }: TroubledProduction): Finding {
  const jobs = parked === 0 ? '' : `, ${counted(parked, 'job')} parked`;
  const why = state !== 'Held' || reason === '' ? '' : `: ${reason}`;
  return warn(
    `production ${name}`,
    `${state}${jobs}${why}`,
    state === 'Held' || state === 'Active'
      ? `\`fabrica failures ${name}\` tells what failed; \`fabrica release ${name}\` tries it again, \`fabrica waive ${name}\` gives parked jobs that make events up.`
      : `\`fabrica show ${name}\` tells what it waits for; parked jobs can be released or waived once it is Active.`,
  );
}
