import pc from 'picocolors';
import type { Output } from './terminal.js';

/** Changes how a text looks, never what it says. */
export type Paint = (text: string) => string;

/** The looks that output uses; all of them do nothing where colours are not wanted. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly busy: Paint;
  readonly warn: Paint;
}

/** Colours for a terminal only, and never with NO_COLOR (no-color.org) or TERM=dumb. */
export function styleFor(output: Pick<Output, 'isTTY'>, env: NodeJS.ProcessEnv): Style {
  const plain = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  const colors = pc.createColors(output.isTTY === true && !plain);
  return {
    bold: colors.bold,
    dim: colors.dim,
    good: colors.green,
    bad: colors.red,
    busy: colors.cyan,
    warn: colors.yellow,
  };
}

const GOOD = ['Completed', 'Done', 'Finished', 'Available', 'Valid', 'ok'];
const BAD = ['Rejected', 'Held', 'Failed', 'Lost', 'Parked', 'Invalid', 'Banned', 'FAIL'];
const WARN = ['Stopped', 'AwaitingApproval', 'Cancelling', 'Waived', 'Degraded', 'Probing', 'warn'];
const BUSY = ['Scouting', 'Running', 'Submitted', 'Fabricating', 'Merging', 'Distributing'];

/** The look of a state of anything: productions, blocks, jobs, attempts, sites. */
export function stateStyle(style: Style, state: string): Paint {
  if (GOOD.includes(state)) return style.good;
  if (BAD.includes(state)) return style.bad;
  if (WARN.includes(state)) return style.warn;
  if (BUSY.includes(state)) return style.busy;
  return (text) => text;
}
