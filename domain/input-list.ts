import { LFN_PATTERN } from './names.js';
import { quoted } from './problem.js';

/**
 * A list of input files as people write it: a text with an LFN in each line. Empty lines, and those that begin with `#`, are left aside, as are
 * blanks around a name and the carriage returns of other systems.
 */

/** LFNs of one list at most. */
export const MOST_LISTED_FILES = 1_000_000;

/** Bytes of one list at most: a million lines of 250 bytes, where the default scheme makes LFNs of some 150. */
export const MOST_LIST_BYTES = 250_000_000;

/** A name of a list, and its line from 1. */
export interface ListedFile {
  readonly line: number;
  readonly lfn: string;
}

/** A part of a list: its names, what is wrong with others, and where the next part begins; null after the last. */
export interface ListPart {
  readonly files: readonly ListedFile[];
  readonly problems: readonly string[];
  readonly next: ListPlace | null;
}

/** Where a line begins, bytes from the beginning; and how many lines are before it. */
export interface ListPlace {
  readonly offset: number;
  readonly lines: number;
}

export const LIST_BEGIN: ListPlace = { offset: 0, lines: 0 };

const NEW_LINE = 0x0a;
const LONGEST_LFN = 1024;
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';

/** Whole lines from a place on, about so many bytes of them. Whatever the bytes are, this never throws. */
export function partOfList(list: Uint8Array, from: ListPlace, size: number): ListPart {
  const text = Buffer.from(list.buffer, list.byteOffset, list.byteLength);
  const files: ListedFile[] = [];
  const problems: string[] = [];
  let { lines, offset } = from;
  const end = offset + size;
  while (offset < text.length) {
    if (offset >= end) return { files, problems, next: { offset, lines } };
    const found = text.indexOf(NEW_LINE, offset);
    const until = found === -1 ? text.length : found;
    lines++;
    // One character per byte: what is no ASCII is no LFN either.
    const raw = text.toString('latin1', offset, Math.min(until, offset + 2 * LONGEST_LFN));
    const written = lines === 1 && raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(3) : raw;
    const lfn = written.replace(/^[ \t]+|[ \t\r]+$/g, '');
    offset = until + 1;
    if (lfn === '' || lfn.startsWith('#')) continue;
    if (lfn.length <= LONGEST_LFN && LFN_PATTERN.test(lfn)) files.push({ line: lines, lfn });
    else problems.push(`line ${lines}: ${quoted(lfn.slice(0, 200))} is no LFN`);
  }
  return { files, problems, next: null };
}

/** The first problems as lines of a message, and how many more there are. */
export function firstProblems(
  problems: readonly string[],
  total: number = problems.length,
): string {
  const shown = problems.slice(0, SHOWN).map((one) => `  ${one}`);
  const more = total - shown.length;
  return [...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}

/** Problems that are told one by one. */
export const SHOWN = 20;
