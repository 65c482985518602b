import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { forgetLists, stagedList, stageLines } from '../../catalog/input-lists.js';
import {
  fixInputs,
  forgetInputs,
  inputFaults,
  inputPlaces,
  inputTotals,
  noteSources,
  type FileSource,
  type InputFault,
  type InputTotals,
} from '../../catalog/input-sets.js';
import { recordWork, type ProductionRow } from '../../catalog/productions.js';
import { counted } from '../../domain/counted.js';
import { MAX_JOBS, type Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import { INPUT_ROLES, type InputRole } from '../../domain/input-definition.js';
import { firstProblems, SHOWN, type ListedFile } from '../../domain/input-list.js';
import type { Packed } from '../../domain/packed.js';
import type { StoredPayload } from '../../domain/payload.js';
import { formatSize } from '../../domain/quantity.js';
import { shareStorages } from '../../policy/input-grouping.js';
import { unpack } from '../packed.js';
import type { ControlContext } from './context.js';
import { sourceOf } from './input-sources.js';

/** A stored list whose lines are to be brought into the catalog before its production is registered. */
export interface ListToStage {
  readonly production: string;
  readonly lfn: string;
  readonly storage: string;
  readonly path: string;
}

/** Lists of input files on their way into the catalog. */
export function listStaging({ catalog, clock }: ControlContext) {
  /** Takes in a part of a list; the first part makes room for it. */
  async function stageList(
    input: Pick<ListToStage, 'production' | 'lfn'> & {
      first: boolean;
      files: Packed<ListedFile>;
    },
  ): Promise<void> {
    const list = stagedList(input.production, input.lfn);
    const now = clock.now();
    await catalog.write(async (db) => {
      if (input.first) await forgetLists(db, [list], now - ABANDONED);
      await stageLines(db, list, unpack(input.files), now);
    });
  }

  return { stageList };
}

/** After this time, ms, nobody will register what a list was read for. */
const ABANDONED = 86_400_000;

/** The lists of a definition, each with its role. */
export function listsOf(definition: Definition): { role: InputRole; list: StoredPayload }[] {
  return INPUT_ROLES.flatMap((role) => {
    const list = definition[role]?.list;
    return list === undefined || typeof list === 'string' ? [] : [{ role, list }];
  });
}

/** What a definition reads, in all. */
export interface ReadFiles {
  readonly role: InputRole;
  readonly source: FileSource;
  readonly totals: InputTotals;
  readonly notes: readonly string[];
}

/** On how many storages of which the files of a section come to lie for their jobs: for whoever asks before there is a production. */
export async function storagesOf(
  db: Db,
  { source }: Pick<ReadFiles, 'source'>,
): Promise<{ storage: string; files: number }[]> {
  const places = await inputPlaces(db, source);
  const counts = new Map<string, number>();
  for (const { storage, storages } of shareStorages(places)) {
    const own = places.find((one) => one.storages.join() === storages.join());
    counts.set(storage, (counts.get(storage) ?? 0) + (own?.files ?? 0));
  }
  return [...counts].map(([storage, files]) => ({ storage, files }));
}

/** Looks up all files that a definition names. Throws `FABRICA_INPUT_INVALID` with what is wrong with each, the first 20 of a section. */
export async function readFiles(
  db: Db,
  definition: Definition,
  given?: Partial<Record<InputRole, FileSource>>,
): Promise<ReadFiles[]> {
  const found: ReadFiles[] = [];
  const problems: string[] = [];
  for (const role of INPUT_ROLES) {
    const own = given?.[role];
    const resolved =
      own === undefined ? await sourceOf(db, definition, role) : { source: own, notes: [] };
    if (resolved === null) continue;
    if ('problem' in resolved) {
      problems.push(resolved.problem);
      continue;
    }
    const { notes, source } = resolved;
    const { limits } = definition.fabrication;
    const { faults, total } = await inputFaults(db, source, { disk: limits.disk, limit: SHOWN });
    if (total > 0) {
      const texts = faults.map((fault) => faultText(fault, role, limits.disk));
      problems.push(
        `${role}: ${counted(total, 'file')} can not be used:\n${firstProblems(texts, total)}`,
      );
      continue;
    }
    const totals = await inputTotals(db, source);
    const problem = totalsProblem(definition, role, totals);
    if (problem !== null) problems.push(problem);
    found.push({ role, source, totals, notes });
  }
  if (problems.length === 0) return found;
  throw new FabricaError('FABRICA_INPUT_INVALID', `${problems.join('\n')}\n`);
}

function totalsProblem(
  definition: Definition,
  role: InputRole,
  { empty, files }: InputTotals,
): string | null {
  if (files === 0) {
    return `${role}: ${empty === 0 ? 'it names no files' : `its ${counted(empty, 'file')} hold no events`}`;
  }
  const wanted = definition.overlay?.filesPerJob ?? 0;
  if (role === 'overlay' && files < wanted) {
    return `overlay.filesPerJob: each job wants ${wanted} files, and there are ${files}`;
  }
  if (role === 'input' && files / (definition.input?.grouping.maxFiles ?? 1) > MAX_JOBS) {
    return `input: ${files} files make more than the ${MAX_JOBS} jobs that a production may have`;
  }
  return null;
}

function faultText(fault: InputFault, role: InputRole, disk: number): string {
  const { block, blockState, kind, lfn, line, production, productionState, size, state } = fault;
  const where = line === 0 ? '' : role === 'input' ? `${line}: ` : `overlay ${line}: `;
  const of = production ?? 'a production';
  const why = {
    unknown: 'is not in the catalog',
    twice: 'is named twice',
    kind: `is a ${kind ?? ''} file and holds no events`,
    state: `is ${state ?? ''}: it has been replaced or removed`,
    ending: `belongs to ${of}, which is ${productionState ?? ''}`,
    unmerged: `is an unmerged output of ${of}, which keeps its merged files only`,
    unfinished: `belongs to block ${block ?? 0} of ${of}, which is ${blockState ?? ''} and not finished`,
    copies: 'has no good copy on any storage',
    size: `has ${formatSize(size ?? 0)}, and a job has ${formatSize(disk)} of disk (fabrication.limits.disk)`,
  }[fault.fault];
  return `${where}${lfn} ${why}`;
}

/** Fixes what a registered definition reads, in the caller's transaction: afterwards the production knows its files and events. Throws `FABRICA_INPUT_INVALID`. */
export async function fixDefinedInputs(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  now: number,
): Promise<void> {
  const sets = await readFiles(db, definition);
  for (const role of INPUT_ROLES) {
    const set = sets.find((one) => one.role === role);
    if (set === undefined) {
      await forgetInputs(db, production.id, role);
      continue;
    }
    const places = await inputPlaces(db, set.source);
    const choices =
      role === 'input'
        ? shareStorages(places)
        : places.map(({ storages }) => ({ storages, storage: '', turn: 0 }));
    await fixInputs(db, production.id, role, set.source, choices);
  }
  const sources = await noteSources(db, production.id);
  const lists = listsOf(definition).map(({ list }) => stagedList(definition.name, list.lfn));
  if (lists.length > 0) await forgetLists(db, lists, 0);
  const input = sets.find(({ role }) => role === 'input');
  await recordWork(db, production, {
    events: definition.events ?? input?.totals.events ?? 0,
    inputs: input?.totals.files ?? 0,
  });
  for (const { notes, role, totals } of sets) {
    await recordEvent(db, {
      at: now,
      who: 'fabrica',
      production: production.id,
      what: `${role} fixed: ${counted(totals.files, 'file')}, ${counted(totals.events, 'event')}`,
      why: [
        `of ${sources.slice(0, 10).join(', ')}${sources.length > 10 ? ` and ${sources.length - 10} more` : ''}`,
        ...(totals.empty === 0 ? [] : [`${counted(totals.empty, 'file')} without events left out`]),
        ...notes,
      ].join('; '),
      data: { ...totals, sources: sources.slice(0, 1000) },
    });
  }
}
