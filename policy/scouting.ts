import type { ScoutOutcome } from '../domain/scout.js';

export interface ScoutVerdict {
  readonly passed: boolean;
  readonly scouts: number;
  readonly good: number;
  /** The share of good scouts that was asked for. */
  readonly wanted: number;
  readonly sentence: string;
  /** What befell the scouts that failed; at most 20. */
  readonly failures: readonly ScoutOutcome[];
}

/**
 * The verdict over all scouts: those that failed, and those that had not ended at the deadline, count as bad. (Belle II's
 * released scheme looked for three good ones first and so let three good and seven bad pass.)
 */
export function judgeScouts(
  scouts: readonly ScoutOutcome[],
  minimumSuccess: number,
  deadlinePassed: boolean,
): ScoutVerdict {
  const bad = scouts.filter((scout) => scout.state !== 'Done');
  const good = scouts.length - bad.length;
  const passed = scouts.length === 0 || good / scouts.length >= minimumSuccess;
  const classes = new Map<string, number>();
  for (const scout of bad) {
    const label =
      scout.state === 'Parked' ? (scout.class ?? 'failed') : 'not ended by the deadline';
    classes.set(label, (classes.get(label) ?? 0) + 1);
  }
  const told = [...classes].map(([label, count]) => `${count} ${label}`).join(', ');
  return {
    passed,
    scouts: scouts.length,
    good,
    wanted: minimumSuccess,
    sentence:
      `${good} of ${scouts.length} scouts succeeded, ${Math.round(minimumSuccess * 100)} % are needed` +
      (told === '' ? '' : `; the others: ${told}`) +
      (deadlinePassed ? ' (the deadline has passed)' : ''),
    failures: bad.slice(0, 20),
  };
}
