import { grouped } from './counted.js';
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

/** What a line of a list names, and its number from 1. What is no LFN is kept in quotes, as messages tell it: all LFNs begin with a slash. */
export interface ListedFile {
  readonly line: number;
  readonly lfn: string;
}

/** How what is no LFN begins. */
export const NO_LFN = '"';

/** A part of a list, and where the next part begins; null after the last. */
export interface ListPart {
  readonly files: readonly ListedFile[];
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

/**
 * Whole lines from a place on, about so many bytes of them. `content` is that of the list from there on: it is read forward, no further than
 * is needed, and nothing but the names is kept of it. Whatever the bytes are, this never throws.
 */
export async function partOfList(
  content: AsyncIterable<Uint8Array>,
  { lines, offset }: ListPlace,
  size: number,
): Promise<ListPart> {
  const files: ListedFile[] = [];
  const end = offset + size;
  let begun = '';
  let length = 0;
  const take = (): void => {
    lines++;
    offset += length;
    const lfn = nameIn(begun, lines);
    if (lfn !== null) files.push({ line: lines, lfn });
    begun = '';
    length = 0;
  };
  for await (const bytes of content) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < chunk.length) {
      if (offset >= end) return { files, next: { offset, lines } };
      const found = chunk.indexOf(NEW_LINE, at);
      const until = found === -1 ? chunk.length : found + 1;
      // One character per byte: what is no ASCII is no LFN either.
      begun += chunk.toString('latin1', at, Math.min(until, at + MOST_KEPT - begun.length));
      length += until - at;
      at = until;
      if (found !== -1) take();
    }
  }
  if (length > 0) take();
  return { files, next: null };
}

/** Of a longer line only the beginning is looked at, bytes. */
const MOST_KEPT = 2 * LONGEST_LFN;

/** What a line names; null for one that is left aside. */
function nameIn(text: string, line: number): string | null {
  const written = line === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(3) : text;
  const lfn = written.replace(/^[ \t]+|[ \t\r\n]+$/g, '');
  if (lfn === '' || lfn.startsWith('#')) return null;
  return lfn.length <= LONGEST_LFN && LFN_PATTERN.test(lfn) ? lfn : quoted(lfn);
}

/** The first problems as lines of a message, and how many more there are. */
export function firstProblems(problems: readonly string[], total: number): string {
  const shown = problems.slice(0, SHOWN).map((one) => `  ${one}`);
  const more = total - shown.length;
  return [...shown, ...(more > 0 ? [`  and ${grouped(more)} more`] : [])].join('\n');
}

/** Problems that are told one by one. */
export const SHOWN = 20;
