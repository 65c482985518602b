import { WORTHWHILE_SECONDS } from './site-room.js';

/** From which part of a block's jobs on the rest is its tail. */
const TAIL = 0.05;

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
  return (block.jobSeconds ?? 0) >= WORTHWHILE_SECONDS && left < TAIL * block.jobs;
}
