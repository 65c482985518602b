import type { Db } from '../../catalog/catalog.js';
import type { FileSource } from '../../catalog/file-source.js';
import { inputFaults, type InputFault } from '../../catalog/input-faults.js';
import { inputPlaces, inputTotals, type InputTotals } from '../../catalog/input-sets.js';
import { counted } from '../../domain/counted.js';
import { MAX_JOBS, type Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import { INPUT_ROLES, type InputRole } from '../../domain/input-definition.js';
import { firstProblems, SHOWN } from '../../domain/input-list.js';
import { formatSize } from '../../domain/quantity.js';
import { shareStorages } from '../../policy/input-grouping.js';
import { sourceOf, type GivenLists, type NamedSource } from './input-sources.js';

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

/**
 * Looks up all files that a definition names; lists that are not stored yet are `given`. Throws `FABRICA_INPUT_INVALID` with everything that is
 * wrong, of the files of each section the first 20 in their order.
 */
export async function readFiles(
  db: Db,
  definition: Definition,
  given: GivenLists = {},
): Promise<ReadFiles[]> {
  const found: ReadFiles[] = [];
  const problems: string[] = [];
  for (const role of INPUT_ROLES) {
    const named = await sourceOf(db, definition, role, given[role]);
    if (named === null) continue;
    if ('problem' in named) {
      problems.push(named.problem);
      continue;
    }
    const unusable = await faultsOf(db, definition, role, named);
    if (unusable !== null) {
      problems.push(unusable);
      continue;
    }
    const { list, notes, source } = named;
    const totals = await inputTotals(db, source);
    const problem = totalsProblem(definition, role, list, totals);
    if (problem !== null) problems.push(problem);
    found.push({ role, source, totals, notes });
  }
  if (problems.length === 0) return found;
  throw new FabricaError('FABRICA_INPUT_INVALID', `${problems.join('\n')}\n`);
}

/** What is wrong with the files of a section, as lines of a message; null if they can all be used. */
async function faultsOf(
  db: Db,
  { fabrication: { limits } }: Definition,
  role: InputRole,
  { list, source }: NamedSource,
): Promise<string | null> {
  const { disk } = limits;
  const { faults, total } = await inputFaults(db, source, { disk, limit: SHOWN });
  if (total === 0) return null;
  const what =
    list === null
      ? `${role}: ${counted(total, 'file')} can not be used`
      : `${role}.list: the list ${list} has ${counted(total, 'line')} that can not be used`;
  const texts = faults.map((fault) => {
    const place = list === null ? `${fault.line}: ` : `line ${fault.line}: `;
    return `${fault.line === 0 ? '' : place}${fault.lfn} ${faultText(fault, disk)}`;
  });
  return `${what}:\n${firstProblems(texts, total)}`;
}

function totalsProblem(
  definition: Definition,
  role: InputRole,
  list: string | null,
  { empty, files }: InputTotals,
): string | null {
  if (files === 0) {
    const [field, it] = list === null ? [role, 'it'] : [`${role}.list`, `the list ${list}`];
    return `${field}: ${empty === 0 ? `${it} names no files` : `the ${counted(empty, 'file')} that ${it} names ${empty === 1 ? 'holds' : 'hold'} no events`}`;
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

function faultText(fault: InputFault, disk: number): string {
  const { block, blockState, first, kind, production, productionState, size, state } = fault;
  const of = production ?? 'a production';
  switch (fault.fault) {
    case 'no-lfn':
      return 'is no LFN';
    case 'twice':
      return `is in line ${first} already`;
    case 'unknown':
      return 'is not in the catalog';
    case 'kind':
      return `is a ${kind ?? ''} file and holds no events`;
    case 'state':
      return `is ${state ?? ''}: it has been replaced or removed`;
    case 'ending':
      return `belongs to ${of}, which is ${productionState ?? ''}`;
    case 'unmerged':
      return `is an unmerged output of ${of}, which keeps its merged files only`;
    case 'unfinished':
      return `belongs to block ${block ?? 0} of ${of}, which is ${blockState ?? ''} and not finished`;
    case 'copies':
      return 'has no good copy on any storage';
    case 'size':
      return `has ${formatSize(size ?? 0)}, and a job has ${formatSize(disk)} of disk (fabrication.limits.disk)`;
  }
}
