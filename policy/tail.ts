/** From which part of a block's jobs on the rest is its tail. */
const TAIL = 0.05;

/** A bundle costs some 0.1 s of the system's time; jobs shorter than this (s) gain less by small ones than they cost. */
const WORTH_WHILE = 60;

/**
 * Whether these are the last jobs of a block, and worth small bundles: all others wait for them before the block can be merged. Their length in s; null
 * if not known.
 */
export function isTail(block: {
  readonly waiting: number;
  readonly atSites: number;
  readonly jobs: number;
  readonly jobSeconds: number | null;
}): boolean {
  const left = block.waiting + block.atSites;
  return (block.jobSeconds ?? 0) >= WORTH_WHILE && left < TAIL * block.jobs;
}
