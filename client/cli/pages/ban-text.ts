import type { Resource } from '../../../catalog/views/resource-list.js';
import { timeText } from '../text.js';

/** `by ann@host until 2026-11-23 14:30:02: CVMFS is broken`: whose ban of a site or storage it is, and why. */
export function banText({ by, reason, state, untilAt }: Resource): string {
  const who = by === '' ? `${state} by Fabrica` : `by ${by}`;
  const until = untilAt === null ? '' : ` until ${timeText(untilAt)}`;
  return `${who}${until}${reason === '' ? '' : `: ${reason}`}`;
}
