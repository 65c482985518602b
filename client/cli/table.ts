import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import type { Paint, Style } from './style.js';
import type { Output } from './terminal.js';
import { grouped, safe } from './text.js';

/** One cell: numbers stand on the right; null is `-`. Text is made safe for the terminal. */
export type Cell = string | number | null | { readonly text: string; readonly paint: Paint };

const NO_LINES = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};

/** The last column is never cut below this. */
const LEAST_LAST = 20;

/** A table without lines. On a terminal the last column is cut so that rows do not wrap. */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  look: { readonly style: Style; readonly output: Output },
): string {
  const shown = rows.map((row) => row.map(cellText));
  const width = lastWidth(head, shown, look.output);
  const numeric = head.map((_, i) => rows.some((row) => typeof row[i] === 'number'));
  const made = new Table({
    head: head.map((title) => look.style.dim(title)),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  });
  for (const [i, row] of shown.entries()) {
    made.push(
      row.map((text, column) => {
        const cut = column === head.length - 1 ? clipped(text, width) : text;
        const cell = rows[i]?.[column];
        return typeof cell === 'object' && cell !== null ? cell.paint(cut) : cut;
      }),
    );
  }
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function cellText(cell: Cell): string {
  if (cell === null) return '-';
  if (typeof cell === 'number') return grouped(cell);
  return safe(typeof cell === 'string' ? cell : cell.text);
}

/** Room for the last column; Infinity where nothing needs to be cut. */
function lastWidth(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  output: Output,
): number {
  if (output.isTTY !== true || output.columns === undefined) return Infinity;
  let others = 0;
  for (let column = 0; column < head.length - 1; column++) {
    const widths = [head, ...rows].map(
      (row) => stripVTControlCharacters(row[column] ?? '').length + 2,
    );
    others += Math.max(...widths);
  }
  return Math.max(LEAST_LAST, output.columns - others - 1);
}

/** Paths and LFNs stay whole: they are copied from the screen. */
function clipped(text: string, width: number): string {
  return text.length <= width || text.startsWith('/')
    ? text
    : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Lines of `name  value`, with the values under each other. Values are made safe for the terminal. */
export function facts(
  pairs: readonly (readonly [name: string, value: Cell])[],
  look: { readonly style: Style },
): string {
  const told = pairs.filter(([, value]) => value !== null && value !== '');
  const width = Math.max(...told.map(([name]) => name.length));
  return told
    .map(([name, value]) => {
      const text = cellText(value);
      const painted = typeof value === 'object' && value !== null ? value.paint(text) : text;
      return `${look.style.dim(name.padEnd(width))}  ${painted}`;
    })
    .join('\n');
}
