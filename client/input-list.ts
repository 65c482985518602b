import type { Definition } from '../domain/definition.js';
import { counted } from '../domain/counted.js';
import { FabricaError } from '../domain/errors.js';
import {
  firstProblems,
  LIST_BEGIN,
  MOST_LIST_BYTES,
  MOST_LISTED_FILES,
  partOfList,
  type ListPlace,
} from '../domain/input-list.js';
import { INPUT_ROLES, type InputRole } from '../domain/input-definition.js';
import { printable } from '../domain/problem.js';
import { formatSize } from '../domain/quantity.js';
import { readPlainFile } from '../worker/plain-file.js';
import type { SandboxPlan } from './sandbox.js';

/** A part of a list that is looked at at once, bytes. */
const PART = 1_000_000;

/**
 * The LFNs of the lists that a definition names by paths, by role. Throws what `readInputList` throws.
 */
export function readInputLists(plan: SandboxPlan): Partial<Record<InputRole, string[]>> {
  const lists: Partial<Record<InputRole, string[]>> = {};
  for (const role of INPUT_ROLES) {
    const list = readInputList(plan, role);
    if (list !== null) lists[role] = list;
  }
  return lists;
}

/**
 * The LFNs of the list that a definition names by its path for a role; null if there is none. Throws `FABRICA_INPUT_INVALID` for a list that names nothing, too much, what is no
 * LFN, or a file twice; with the lines.
 */
export function readInputList(
  { definition, files }: SandboxPlan,
  role: InputRole,
): string[] | null {
  if (typeof definition[role]?.list !== 'string') return null;
  const file = files.find(({ section }) => section === role);
  return file === undefined ? null : readList(file.path, `${role}.list`);
}

function readList(file: string, field: string): string[] {
  const refuse = (what: string): FabricaError =>
    new FabricaError(
      'FABRICA_INPUT_INVALID',
      `${field}: the list ${printable(file, 300)} ${what}`,
      { file, field },
      { remedy: 'Write an LFN into each line; nothing has been uploaded.' },
    );
  const bytes = readPlainFile(file, MOST_LIST_BYTES);
  if (bytes === null) throw refuse(`has more than ${formatSize(MOST_LIST_BYTES)}: divide it.`);
  if (bytes.subarray(0, 8000).includes(0)) throw refuse('is no text: it holds NUL.');
  const lines = new Map<string, number>();
  const problems: string[] = [];
  let place: ListPlace | null = LIST_BEGIN;
  while (place !== null) {
    const part = partOfList(bytes, place, PART);
    for (const problem of part.problems) problems.push(problem);
    for (const { lfn, line } of part.files) {
      const before = lines.get(lfn);
      if (before === undefined) lines.set(lfn, line);
      else problems.push(`line ${line}: ${lfn} is in line ${before} already`);
    }
    place = part.next;
  }
  if (problems.length > 0) {
    throw refuse(
      `has ${counted(problems.length, 'line')} that can not be used:\n${firstProblems(problems)}\n`,
    );
  }
  if (lines.size === 0) throw refuse('names no files.');
  if (lines.size > MOST_LISTED_FILES) {
    throw refuse(`names ${lines.size} files, more than ${MOST_LISTED_FILES}: divide it.`);
  }
  return [...lines.keys()];
}

/** True if a definition reads catalogued files. */
export function readsFiles({ input, overlay }: Definition): boolean {
  return input !== undefined || overlay !== undefined;
}
