import type { Session } from '../../../client/cli/session.js';
import { styleFor } from '../../../client/cli/style.js';
import { table } from '../../../client/cli/table.js';

/** A look without colours, on no terminal. */
export const style = styleFor({ isTTY: false }, {});
export const look: Pick<Session, 'style' | 'table'> = {
  style,
  table: (head, rows) => table(head, rows, { style, output: { write: () => undefined } }),
};
