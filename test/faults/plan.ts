import { traitsOf, type FaultKind, type Grid } from './fault-kinds.js';
import { randomNumbers } from './random.js';

/** A fault to inject; times in ms. */
export interface PlannedFault {
  /** From 1. */
  readonly number: number;
  readonly kind: FaultKind;
  /** Since the first production was submitted. */
  readonly at: number;
  /** 0: it is over at once. */
  readonly lasts: number;
  /** 0 to below 1: decides whom it hits, and how hard. */
  readonly pick: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly faults: number;
  readonly grid: Grid;
  readonly kinds: readonly FaultKind[];
}

/** Between one fault and the next, ms at most. */
const LONGEST_GAP = 12_000;
/** Between two faults of one group. */
const REST = 1000;

/**
 * What happens in the run of a seed, and when. The same seed gives the same plan. Gaps are often shorter than a recovery, so faults meet
 * systems that still suffer from the one before. None of the kinds fits the grid: no faults.
 */
export function planFaults({ seed, faults, grid, kinds }: PlanOptions): PlannedFault[] {
  const random = randomNumbers(seed);
  const possible = kinds.filter((kind) => traitsOf(kind).grids.includes(grid));
  const total = possible.reduce((sum, kind) => sum + traitsOf(kind).weight, 0);
  const freeAt = new Map<string, number>();
  const planned: PlannedFault[] = [];
  let at = 0;
  while (possible.length > 0 && planned.length < faults) {
    const kind = drawn(possible, random() * total);
    const { group, lasts: bounds } = traitsOf(kind);
    at += Math.round(random() ** 2 * LONGEST_GAP);
    if (group !== null) at = Math.max(at, freeAt.get(group) ?? 0);
    const [least, most] = bounds ?? [0, 0];
    const lasts = Math.round(least + random() ** 2 * (most - least));
    if (group !== null) freeAt.set(group, at + lasts + REST);
    planned.push({ number: planned.length + 1, kind, at, lasts, pick: random() });
  }
  return planned;
}

function drawn(kinds: readonly FaultKind[], draw: number): FaultKind {
  let left = draw;
  for (const kind of kinds) {
    left -= traitsOf(kind).weight;
    if (left < 0) return kind;
  }
  return kinds.at(-1)!;
}
