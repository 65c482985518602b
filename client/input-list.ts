import { FabricaError } from '../domain/errors.js';
import type { GivenList, GivenLists } from '../activities/control/input-sources.js';
import type { Definition } from '../domain/definition.js';
import {
  LIST_BEGIN,
  MOST_LIST_BYTES,
  MOST_LISTED_FILES,
  partOfList,
} from '../domain/input-list.js';
import { INPUT_ROLES, type InputRole } from '../domain/input-definition.js';
import { printable } from '../domain/problem.js';
import { formatSize } from '../domain/quantity.js';
import { openPlainFile } from '../worker/plain-file.js';
import type { SandboxPlan } from './sandbox.js';

/** The lists that a definition names by paths, by role. Throws what `readInputList` throws. */
export async function readInputLists(plan: SandboxPlan): Promise<GivenLists> {
  const lists: Partial<Record<InputRole, GivenList>> = {};
  for (const role of INPUT_ROLES) {
    const list = await readInputList(plan, role);
    if (list !== null) lists[role] = list;
  }
  return lists;
}

/**
 * The list that a definition names by its path for a role; null if there is none. What is wrong with its lines is told by who looks them up.
 * Throws `FABRICA_INPUT_INVALID` for a list that is no text, or too long.
 */
export async function readInputList(
  { definition, files }: SandboxPlan,
  role: InputRole,
): Promise<GivenList | null> {
  if (typeof definition[role]?.list !== 'string') return null;
  const file = files.find(({ section }) => section === role);
  if (file === undefined) return null;
  const shown = printable(file.path, 300);
  const field = `${role}.list`;
  const refuse = (what: string): FabricaError =>
    new FabricaError(
      'FABRICA_INPUT_INVALID',
      `${field}: the list ${shown} ${what}`,
      { file: file.path, field },
      { remedy: 'Write an LFN into each line; nothing has been uploaded.' },
    );
  const handle = await openPlainFile(file.path);
  try {
    const content = checked(handle.createReadStream({ autoClose: false }), refuse);
    const list = await partOfList(content, LIST_BEGIN, Infinity);
    if (list.files.length > MOST_LISTED_FILES) {
      throw refuse(`names ${list.files.length} files, more than ${MOST_LISTED_FILES}: divide it.`);
    }
    return { path: shown, files: list.files };
  } finally {
    await handle.close();
  }
}

/** The content of a list, as long as it is one. */
async function* checked(
  content: AsyncIterable<Uint8Array>,
  refuse: (what: string) => FabricaError,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const bytes of content) {
    if (size === 0 && bytes.subarray(0, 8000).includes(0)) {
      const marked = /^(fffe|feff)/.test(Buffer.from(bytes.subarray(0, 2)).toString('hex'));
      throw refuse(marked ? 'is in UTF-16: save it as UTF-8.' : 'is no text: it holds NUL.');
    }
    size += bytes.length;
    if (size > MOST_LIST_BYTES) {
      throw refuse(`has more than ${formatSize(MOST_LIST_BYTES)}: divide it.`);
    }
    yield bytes;
  }
}

/** True if a definition reads catalogued files. */
export function readsFiles({ input, overlay }: Definition): boolean {
  return input !== undefined || overlay !== undefined;
}
