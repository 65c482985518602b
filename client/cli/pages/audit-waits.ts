import type { AwaitedStorage } from '../../temporal/audit-waits.js';
import { firstOf, safe, timeText } from '../text.js';

/** Storages that are named. */
const MOST_TOLD = 6;

/** Which storages the audit of a production waits for, as a sentence or two; empty if it waits for none. */
export function auditWaits(storages: readonly AwaitedStorage[]): string {
  if (storages.length === 0) return '';
  const told = storages.map(({ failure, storage, untakenSince }) => {
    if (failure !== '') return `${storage} (${safe(failure, 200)})`;
    return untakenSince === null
      ? storage
      : `${storage} (no process has taken it on since ${timeText(untakenSince)})`;
  });
  const untaken = storages.some(({ untakenSince }) => untakenSince !== null);
  const remedy = untaken ? ' `fabrica doctor` tells which processes are missing.' : '';
  return `The audit waits for ${firstOf(told, MOST_TOLD)}.${remedy}`;
}
