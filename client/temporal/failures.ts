import {
  ActivityExecutionFailedError,
  isGrpcServiceError,
  ServiceError,
  WorkflowFailedError,
} from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { FabricaError, isErrorCode, messageOf } from '../../domain/errors.js';
import { clause } from '../../domain/clause.js';

/**
 * Any error as a `FabricaError`: those of workflows and activities get the code, message and remedy they were thrown with; a server that
 * does not answer is `FABRICA_TEMPORAL_UNREACHABLE`; what is not known is `FABRICA_INTERNAL`.
 */
export function fabricaErrorOf(error: unknown): FabricaError {
  if (error instanceof FabricaError) return error;
  if (error instanceof WorkflowFailedError || error instanceof ActivityExecutionFailedError) {
    return errorOfFailure(error.cause, error);
  }
  const fault = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(fault)) {
    return new FabricaError(
      'FABRICA_TEMPORAL_UNREACHABLE',
      `Temporal does not answer as it should: ${clause(fault.details || fault.message)}.`,
      {},
      { cause: error },
    );
  }
  return new FabricaError('FABRICA_INTERNAL', messageOf(error), {}, { cause: error });
}

/** The failure of a workflow, an activity or an update, as the error that it was thrown as. */
export function errorOfFailure(cause: Error | undefined, error: Error): FabricaError {
  if (cause instanceof ApplicationFailure) {
    const code = isErrorCode(cause.type) ? cause.type : 'FABRICA_INTERNAL';
    const remedy = remedyOf(cause.details);
    return new FabricaError(
      code,
      withoutRemedy(cause.message, remedy),
      {},
      remedy === null ? { cause: error } : { cause: error, remedy },
    );
  }
  if (cause instanceof TimeoutFailure) {
    return new FabricaError(
      'FABRICA_WORKER_ABSENT',
      `${error.message}: ${cause.message}`,
      {},
      {
        cause: error,
      },
    );
  }
  return new FabricaError('FABRICA_INTERNAL', messageOf(cause ?? error), {}, { cause: error });
}

function remedyOf(details: readonly unknown[] | null | undefined): string | null {
  const first = details?.[0];
  if (typeof first !== 'object' || first === null || !('remedy' in first)) return null;
  return typeof first.remedy === 'string' ? first.remedy : null;
}

/** A failure's message ends with its remedy, because Temporal's page shows nothing but the message. */
function withoutRemedy(message: string, remedy: string | null): string {
  return remedy !== null && message.endsWith(remedy)
    ? message.slice(0, -remedy.length).trimEnd()
    : message;
}
