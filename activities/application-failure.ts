import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { CompleteAsyncError } from '@temporalio/activity';
import { FabricaError, messageOf } from '../domain/errors.js';
import { eachActivity } from './each-activity.js';

/**
 * Translates what an activity throws at Temporal's edge: the code becomes the failure's `type`, and what can not succeed by
 * being repeated is not retried. Anything unknown is a fault of Fabrica's own (`FABRICA_INTERNAL`) and is retried.
 */
export function toFailure(error: unknown): unknown {
  if (
    error instanceof ApplicationFailure ||
    error instanceof CancelledFailure ||
    error instanceof CompleteAsyncError
  ) {
    return error;
  }
  if (error instanceof FabricaError) {
    return ApplicationFailure.create({
      type: error.code,
      message: `${error.message} ${error.remedy}`,
      nonRetryable: !error.retryable,
      details: [{ ...error.place, remedy: error.remedy }],
      cause: error,
    });
  }
  return ApplicationFailure.create({
    type: 'FABRICA_INTERNAL',
    message: messageOf(error),
    ...(error instanceof Error ? { cause: error } : {}),
  });
}

/** The activities, each with its errors translated. */
export function withFailures<T extends Parameters<typeof eachActivity>[0]>(activities: T): T {
  return eachActivity(activities, async (run) => {
    try {
      return await run();
    } catch (error) {
      throw toFailure(error);
    }
  });
}
