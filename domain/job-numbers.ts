/** Job numbers from one to another, both included. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

/** A list may be as long as a person or a program can mean; a million numbers are one range. */
const LONGEST_TEXT = 100_000;
const HIGHEST = 1_000_000_000;

/**
 * Job numbers as people write them, `3,5-9`: ranges in order that do not touch. What is wrong is told in `problem`: nothing, anything that is no
 * whole number from 1, and the first range that is `reversed`.
 */
export function parseJobNumbers(
  text: string,
):
  | { readonly ranges: readonly NumberRange[] }
  | { readonly problem: string; readonly reversed?: NumberRange } {
  if (text.length > LONGEST_TEXT) {
    return { problem: `the list of jobs is longer than ${LONGEST_TEXT} characters` };
  }
  const ranges: NumberRange[] = [];
  for (const part of text.split(',')) {
    const found = /^\s*(\d{1,12})\s*(?:-\s*(\d{1,12})\s*)?$/.exec(part);
    const from = Number(found?.[1]);
    const to = Number(found?.[2] ?? found?.[1]);
    if (found === null || from < 1 || to > HIGHEST) {
      return { problem: `jobs are numbers and ranges such as 3,5-9, not ${shown(part)}` };
    }
    if (to < from) {
      const problem = `the range ${from}-${to} is reversed: write ${to}-${from}`;
      return { problem, reversed: { from, to } };
    }
    ranges.push({ from, to });
  }
  return { ranges: joined(ranges) };
}

/** The fewest ranges that are these numbers, in order. */
export function numberRanges(numbers: readonly number[]): NumberRange[] {
  return joined(numbers.map((number) => ({ from: number, to: number })));
}

/** Numbers as `parseJobNumbers` reads them, in order: `3, 5-9`. */
export function jobNumbersText(numbers: readonly number[]): string {
  return numberRanges(numbers)
    .map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`))
    .join(', ');
}

/** The same for a sentence: at most so many parts, and how many jobs the others are. */
export function someJobNumbers(numbers: readonly number[], most = 20): string {
  const parts = jobNumbersText(numbers).split(', ');
  return parts.length <= most ? parts.join(', ') : `${parts.slice(0, most).join(', ')}, ...`;
}

/** How many numbers there are in ranges that do not touch. */
export function countNumbers(ranges: readonly NumberRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

function joined(ranges: readonly NumberRange[]): NumberRange[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

function shown(part: string): string {
  const clean = part.trim().replace(/[^\x20-\x7e]/g, '?');
  return clean === '' ? 'nothing' : `"${clean.slice(0, 40)}"`;
}
