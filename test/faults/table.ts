import Table from 'cli-table3';
import { ALL_KINDS } from './fault-kinds.js';
import type { FaultRecord, RunResult } from './run.js';

/** The table of a harness' runs: what was injected, what came of it, and how long recovery took. */
export function faultTable(results: readonly RunResult[]): string {
  const table = new Table({
    head: ['fault', 'injected', 'missed', 'skipped', 'recovery median s', 'worst s'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
  });
  const records = results.flatMap(({ faults }) => faults);
  for (const kind of ALL_KINDS) {
    const mine = records.filter((record) => record.kind === kind);
    if (mine.length > 0) table.push([kind, ...cellsOf(mine)]);
  }
  table.push(['all', ...cellsOf(records)]);
  return table.toString();
}

function cellsOf(records: readonly FaultRecord[]): string[] {
  const count = (outcome: FaultRecord['outcome']): string =>
    String(records.filter((record) => record.outcome === outcome).length);
  const times = records.map(({ recovery }) => recovery).filter((time) => time !== null);
  return [
    ...[count('injected'), count('missed'), count('skipped')],
    ...[seconds(median(times)), seconds(times.length === 0 ? null : Math.max(...times))],
  ];
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

const seconds = (milliseconds: number | null): string =>
  milliseconds === null ? '-' : (milliseconds / 1000).toFixed(1);

/** How many faults really happened. */
export const injectedIn = (results: readonly RunResult[]): number =>
  results.flatMap(({ faults }) => faults).filter(({ outcome }) => outcome === 'injected').length;
