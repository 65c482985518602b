import { readFiles, type ReadFiles } from '../activities/control/input-lookup.js';
import type { Catalog } from '../catalog/catalog.js';
import { DistinctProblems } from '../domain/campaign-problems.js';
import { counted } from '../domain/counted.js';
import type { Definition } from '../domain/definition.js';
import { FabricaError } from '../domain/errors.js';
import { INPUT_ROLES, type InputRole } from '../domain/input-definition.js';
import { type FieldPath, type Problem, problemsError } from '../domain/problem.js';
import type { CampaignFile } from './campaign-file.js';
import { readInputList } from './input-list.js';
import type { SandboxPlan } from './sandbox.js';
import type { Registered } from './temporal/standing.js';
import { clause } from '../domain/clause.js';

/** How many files jobs read for a role, how large they are, and what a person should know of them. */
export type FilesRead = Pick<ReadFiles, 'role' | 'totals' | 'notes'>;

/**
 * Looks up what the productions of a campaign file read, in their order, each list and dataset once. Throws `FABRICA_INPUT_INVALID` with what is
 * wrong, its line and a production that has it. A production that is registered already has its files, whatever has become of them; and lists
 * that are stored already are looked up when their production is registered.
 */
export async function campaignInputs(
  { plans, productions, where }: CampaignFile,
  standings: readonly Registered[],
  catalog: Catalog,
): Promise<FilesRead[][]> {
  const known = new Map<string, Promise<FilesRead | Problem>>();
  const problems = new DistinctProblems();
  const read: FilesRead[][] = [];
  for (const [i, plan] of plans.entries()) {
    const { definition } = plan;
    const own: FilesRead[] = [];
    for (const role of INPUT_ROLES) {
      if (!canBeLookedUp(definition, role)) continue;
      const key = JSON.stringify([role, definition[role], definition.fabrication.limits.disk]);
      const looking = known.get(key) ?? lookUp(plan, role, catalog);
      known.set(key, looking);
      const found = await looking;
      if ('totals' in found) own.push(found);
      else if (standings[i]?.standing !== 'same') {
        problems.add(definition.name, [found], productions[i]?.origin ?? ((path) => path));
      }
    }
    read.push(own);
  }
  if (problems.list.length === 0) return read;
  throw problemsError('FABRICA_INPUT_INVALID', problems.list, where);
}

/**
 * What a person should know of the files before they are read, each note once with the productions that it is about. What is registered already
 * has its files.
 */
export function inputNotes(
  { plans }: Pick<CampaignFile, 'plans'>,
  standings: readonly Registered[],
  read: readonly (readonly FilesRead[])[],
): string[] {
  const readers = new Map<string, string[]>();
  for (const [i, { definition }] of plans.entries()) {
    if (standings[i]?.standing === 'same') continue;
    for (const { notes, role } of read[i] ?? []) {
      for (const note of notes) {
        const text = `${role}: ${note}`;
        readers.set(text, [...(readers.get(text) ?? []), definition.name]);
      }
    }
  }
  return [...readers].map(([text, [first = '', ...others]]) => {
    const more = others.length === 0 ? '' : ` and ${counted(others.length, 'more production')}`;
    return `${text}, in production ${first}${more}`;
  });
}

/** Whether the catalog knows the files of a role before its production is registered. */
function canBeLookedUp(definition: Definition, role: InputRole): boolean {
  const set = definition[role];
  return set !== undefined && (set.list === undefined || typeof set.list === 'string');
}

/** The files of one role, or what is wrong with them. */
async function lookUp(
  plan: SandboxPlan,
  role: InputRole,
  catalog: Catalog,
): Promise<FilesRead | Problem> {
  try {
    const list = await readInputList(plan, role);
    const given = list === null ? {} : { [role]: list };
    const sets = await catalog.read((db) => readFiles(db, onlyFor(role, plan.definition), given));
    const [set] = sets;
    if (set === undefined) throw new Error(`${plan.definition.name} reads nothing as ${role}`);
    // The names of a million files are not kept.
    return { role, totals: set.totals, notes: set.notes };
  } catch (error) {
    if (error instanceof FabricaError && error.code === 'FABRICA_INPUT_INVALID') {
      return problemOf(error, plan.definition, role);
    }
    throw error;
  }
}

function onlyFor(role: InputRole, { input, overlay, ...rest }: Definition): Definition {
  if (role === 'input') return input === undefined ? rest : { ...rest, input };
  return overlay === undefined ? rest : { ...rest, overlay };
}

/** Details of one problem that are told. */
const MOST_DETAILS = 3;

/** `input.dataset: it matches no production` as a problem of that field; the lines after the first are details. */
function problemOf(
  { message, remedy }: FabricaError,
  definition: Definition,
  role: InputRole,
): Problem {
  const [first = '', ...details] = message.trimEnd().split('\n');
  const [, field = role, text = first] = /^([A-Za-z.]+): (.*?)[:.]?$/.exec(first) ?? [];
  const told = details.slice(0, MOST_DETAILS).map((detail) => detail.trim());
  if (details.length > told.length) told.push('and so on');
  const whole = told.length === 0 ? text : `${text}: ${told.join('; ')}`;
  const named = field === role || field === `${role}.dataset`;
  const path = named ? fieldThatNames(definition, role) : field.split('.');
  return { path, text: whole, remedy: withoutCapital(remedy) };
}

/** The field that says which files are meant: a value, for mappings may stand in several places of a campaign file. */
function fieldThatNames(definition: Definition, role: InputRole): FieldPath {
  const { dataset, list } = definition[role] ?? {};
  if (dataset !== undefined) return [role, 'dataset', ...Object.keys(dataset).slice(0, 1)];
  return [role, list === undefined ? 'files' : 'list'];
}

const withoutCapital = (sentence: string): string =>
  `${sentence.charAt(0).toLowerCase()}${clause(sentence.slice(1))}`;
