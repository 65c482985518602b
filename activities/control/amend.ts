import { blocksOf } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { largestInput } from '../../catalog/input-sets.js';
import {
  amendProduction,
  changePriority,
  insertRevision,
  revisionOf,
  saveEstimate,
  type ProductionRow,
} from '../../catalog/productions.js';
import { allSites } from '../../catalog/resources.js';
import { scoutSamples } from '../../catalog/scouts.js';
import { amendmentOf, type Amendment } from '../../domain/command-check.js';
import type { Command } from '../../domain/command.js';
import type { Definition } from '../../domain/definition.js';
import {
  changedFields,
  definitionDifference,
  presentDefinition,
} from '../../domain/definition-content.js';
import { FabricaError } from '../../domain/errors.js';
import { canonicalDefinition, parseDefinition } from '../../domain/parse.js';
import { formatSize } from '../../domain/quantity.js';
import { quoted } from '../../domain/problem.js';
import {
  amendmentRefusals,
  besideGiven,
  changesEstimate,
  limitsBelowNeeds,
} from '../../policy/amendment.js';
import { estimate, type Estimate } from '../../policy/estimate.js';
import { already, done, invalid, refused, type CommandEffect } from './command-effect.js';
import { estimateRules, workOf } from './estimates.js';
import { judgeHoldsAnew } from './holds-anew.js';
import { checkNames } from './known-names.js';
import { digestOf } from './register.js';
import { clause } from '../../domain/clause.js';

/** Gives a live production a changed definition, as a new revision, which counts for all that is decided from now on. */
export async function amend(
  db: Db,
  production: ProductionRow,
  { select, who, why }: Command,
  now: number,
): Promise<CommandEffect> {
  const { definition: before } = await revisionOf(db, production);
  const amendment = amendmentOf(select);
  const wanted = amendedDefinition(before, amendment);
  if ('problem' in wanted) return invalid(wanted.problem, BY_THE_RULES);
  const { definition: after } = wanted;
  const present = namesPriority(amendment)
    ? presentDefinition(before, production)
    : besideGiven(before, after, production);
  const changes = definitionDifference(present, after);
  if (changes.length === 0) {
    return already(
      `its definition is so already${clearsSites(after, amendment) ? EVERY_SITE : ''}`,
    );
  }
  const { priority: from } = production;
  const reprioritized = after.priority !== present.priority;
  if (changedFields(before, after).length === 0) {
    await changePriority(db, production, { to: after.priority, who, why, now });
    return done(`priority ${from} -> ${after.priority}`);
  }
  const refusals = amendmentRefusals(before, after, { verdict: production.estimate !== null });
  if (refusals.length > 0) {
    const refuse = refusals.some(({ never }) => never) ? invalid : refused;
    return refuse(
      refusals.map(({ field, why: reason }) => `${field}: ${reason}`).join('; '),
      `Leave out what can not change; what is to be made in another way is submitted under another name than ${production.name}.`,
    );
  }
  const anew =
    production.estimate !== null && changesEstimate(before, after)
      ? await estimateBy(db, production, after)
      : null;
  const tooLow = anew === null ? [] : limitsBelowNeeds(before, after, anew);
  if (tooLow.length > 0) return invalid(tooLow.join('; '), AS_MEASURED);
  const problem =
    (await whyNoRoom(db, production, before, after)) ??
    (await reviseLive(db, production, after, { who, now }));
  if (problem !== null) return invalid(problem, BY_THE_RULES);
  if (reprioritized) await changePriority(db, production, { to: after.priority, who, why, now });
  if (anew !== null) await saveEstimate(db, production, anew);
  const amended = `amended, revision ${production.revision}: ${changes.slice(0, MOST_TOLD).join('; ')}`;
  const more = changes.length - MOST_TOLD;
  const what = more > 0 ? `${amended}; and ${more} more` : amended;
  await recordEvent(db, { at: now, who, production: production.id, what, why, data: { changes } });
  const held = await judgeHoldsAnew(db, production, { before, after, who, now });
  return {
    ...done(held === '' ? what : `${what}; ${held}`),
    withdrawFrom: await leftSites(db, before, after),
  };
}

const EVERY_SITE = ': an empty list of sites stands for all of them';

/** No sites are named, which might be taken for none. */
function clearsSites({ sites }: Definition, amendment: Amendment): boolean {
  return 'set' in amendment && 'sites' in amendment.set && sites.length === 0;
}

const BY_THE_RULES =
  'Correct that and amend it again: `fabrica schema definition` prints the rules. Nothing has been changed.';

const AS_MEASURED =
  'Give at least what was measured: with less, each job would be ended before it is done. Nothing has been changed.';

/** More changes are counted only; the event has them all. */
const MOST_TOLD = 20;

/** Files that a production reads must fit on the disk of a job, as when it was registered; what does not, or null. */
async function whyNoRoom(
  db: Db,
  { id }: ProductionRow,
  before: Definition,
  after: Definition,
): Promise<string | null> {
  const { disk } = after.fabrication.limits;
  if (disk >= before.fabrication.limits.disk) return null;
  const largest = await largestInput(db, id);
  if (largest === null || largest.size < disk) return null;
  return `fabrication.limits.disk: a job would have ${formatSize(disk)} of disk, and its input file ${largest.lfn} has ${formatSize(largest.size)}`;
}

/** Makes the definition the next revision of a production that goes on; why not, or null. */
export async function reviseLive(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  { now, who }: { readonly who: string; readonly now: number },
): Promise<string | null> {
  const { scheme } = await revisionOf(db, production);
  try {
    // The numbers of a changed definition may contradict each other, and sites have their names from people.
    parseDefinition(definition);
    await checkNames(db, definition);
  } catch (error) {
    return problemOf(error);
  }
  await amendProduction(db, production, definition, now);
  const canonical = canonicalDefinition(definition);
  await insertRevision(db, {
    production: production.id,
    revision: production.revision,
    canonical,
    digest: digestOf(canonical),
    scheme,
    by: who,
    now,
  });
  return null;
}

function problemOf(error: unknown): string {
  if (!(error instanceof FabricaError) || error.retryable) throw error;
  return clause(error.message);
}

/** True if the priority is asked for by itself; a whole definition only repeats what it has always said. */
function namesPriority(amendment: Amendment): boolean {
  return 'set' in amendment && 'priority' in amendment.set;
}

function amendedDefinition(
  before: Definition,
  amendment: Amendment,
): { readonly definition: Definition } | { readonly problem: string } {
  try {
    if ('definition' in amendment) {
      const definition = parseDefinition(amendment.definition);
      // Who submits is its owner where a definition names none.
      return { definition: { ...definition, owner: definition.owner || before.owner } };
    }
    // The registered definition is plain JSON.
    const changed = JSON.parse(JSON.stringify(before)) as Record<string, unknown>;
    for (const [path, value] of Object.entries(amendment.set)) setField(changed, path, value);
    return { definition: parseDefinition(changed) };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

/** Sets `fabrication.limits.memory` and the like; null takes the field away, so that its default counts. */
function setField(root: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let place: unknown = root;
  for (const key of [...keys, last]) {
    if (!/^[A-Za-z][A-Za-z0-9-]{0,60}$/.test(key) || key in Object.prototype) throw noField(path);
  }
  for (const key of keys) {
    const inner: unknown = isMapping(place) ? place[key] : undefined;
    if (!isMapping(inner)) throw noField(path);
    place = inner;
  }
  if (!isMapping(place)) throw noField(path);
  if (value === null) Reflect.deleteProperty(place, last);
  else place[last] = value;
}

function noField(path: string): FabricaError {
  return new FabricaError(
    'FABRICA_DEFINITION_INVALID',
    `${quoted(path)} is no field of its definition (such as tolerance or fabrication.limits.memory)`,
  );
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the scouts have measured tells by the new limits and sizes what further jobs need. */
export async function estimateAnew(
  db: Db,
  production: ProductionRow,
  definition: Definition,
): Promise<void> {
  await saveEstimate(db, production, await estimateBy(db, production, definition));
}

/** What further jobs would need by this definition. */
async function estimateBy(
  db: Db,
  production: ProductionRow,
  definition: Definition,
): Promise<Estimate> {
  const scouts = (await blocksOf(db, production.id)).find(({ state }) => state !== 'Discarded');
  const samples =
    definition.scouts.jobs === 0 || scouts === undefined
      ? []
      : await scoutSamples(db, { production: production.id, block: scouts.number });
  return estimate(samples, estimateRules(definition, await workOf(db, production, definition)));
}

/** Sites that might get jobs before, and get none any more. */
async function leftSites(db: Db, before: Definition, after: Definition): Promise<string[]> {
  if (!changedFields(before, after).some((field) => field.startsWith('sites'))) return [];
  const allows = ({ sites }: Definition, name: string): boolean =>
    sites.length === 0 || sites.includes(name);
  const names = (await allSites(db)).map(({ name }) => name);
  return names.filter((name) => allows(before, name) && !allows(after, name));
}
