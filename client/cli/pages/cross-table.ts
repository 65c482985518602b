import type { Cell } from '../table.js';
import type { PageLook } from './production-page.js';

/** A count that belongs to a row and a column. */
export interface CrossCell {
  readonly row: string;
  readonly column: string;
  readonly count: number;
}

/** A table of rows by columns with sums on both sides; the column with most comes first. */
export function crossTable(corner: string, cells: readonly CrossCell[], look: PageLook): string {
  const sum = (wanted: (cell: CrossCell) => boolean): number =>
    cells.filter(wanted).reduce((total, { count }) => total + count, 0);
  const rows = [...new Set(cells.map((cell) => cell.row))];
  const columns = [...new Set(cells.map((cell) => cell.column))].sort(
    (a, b) => sum((cell) => cell.column === b) - sum((cell) => cell.column === a),
  );
  const body = rows.map((row): Cell[] => [
    row,
    ...columns.map((column) => sum((cell) => cell.row === row && cell.column === column)),
    sum((cell) => cell.row === row),
  ]);
  const total: Cell[] = [
    'all',
    ...columns.map((column) => sum((cell) => cell.column === column)),
    sum(() => true),
  ];
  return look.table([corner, ...columns, 'all'], [...body, total]);
}
