import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { BlockRow } from '../../catalog/blocks.js';
import type { ErrorCode } from '../../domain/errors.js';
import type { BlockState } from '../../domain/states/block.js';

const REOPENED: ErrorCode = 'FABRICA_BLOCK_REOPENED';

/** Tells the workflow of a block that jobs of an earlier stage run again: it must go through the stages anew. */
export function reopened(block: Pick<BlockRow, 'number' | 'state' | 'reason'>): ApplicationFailure {
  const why = block.reason === '' ? '' : `: ${block.reason}`;
  return ApplicationFailure.create({
    type: REOPENED,
    message: `block ${block.number} is ${block.state} again${why}`,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** Throws `FABRICA_BLOCK_REOPENED` unless the block is where its workflow takes it to be. */
export function stillIn(
  block: Pick<BlockRow, 'number' | 'state' | 'reason'>,
  ...states: readonly BlockState[]
): void {
  if (!states.includes(block.state)) throw reopened(block);
}
