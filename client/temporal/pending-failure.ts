import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { Catalog } from '../../catalog/catalog.js';
import { tryWriteLock } from '../../catalog/views/write-lock.js';
import { ERRORS, FabricaError, isErrorCode, type ErrorCode } from '../../domain/errors.js';

/**
 * Why an activity of a workflow fails again and again at present, as an error about `what` waits for it; null if none does. What a person
 * has asked for is then in good hands, but not done yet.
 */
export async function pendingFailure(
  client: Client,
  workflowId: string,
  what: string,
): Promise<FabricaError | null> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  for (const { lastFailure } of raw.pendingActivities ?? []) {
    const failure = failureOf(lastFailure);
    if (failure !== null) return hindrance(failure.code, what, failure.why);
  }
  return null;
}

type LastFailure = NonNullable<
  WorkflowExecutionDescription['raw']['pendingActivities']
>[number]['lastFailure'];

/** Why an activity has failed the last time, without what to do; null if it has not. */
export function failureOf(last: LastFailure): { code: ErrorCode; why: string } | null {
  const message = last?.message ?? '';
  if (message === '') return null;
  const type = last?.applicationFailureInfo?.type;
  const code = isErrorCode(type) ? type : 'FABRICA_INTERNAL';
  const { remedy } = ERRORS[code];
  // A failure's message ends with its remedy, because Temporal's page shows nothing but the message.
  const why = message.endsWith(remedy) ? message.slice(0, -remedy.length).trimEnd() : message;
  return { code, why };
}

/**
 * What keeps the control process from something, once it should have been done. A catalog that is locked is asked itself: each try of the control
 * process waits for it, and on a busy machine none may have ended yet.
 */
export async function whatHinders(
  client: Client,
  catalog: Catalog,
  workflowId: string,
  what: string,
): Promise<FabricaError | null> {
  const failure = await pendingFailure(client, workflowId, what);
  if (failure !== null) return failure;
  try {
    tryWriteLock(catalog.file, LOCKED_FOR);
  } catch (error) {
    if (!(error instanceof FabricaError)) throw error;
    // This process need not be one that may write.
    if (error.code === 'FABRICA_CATALOG_LOCKED') return hindrance(error.code, what, error.message);
  }
  return null;
}

/** No change of the catalog takes so long, ms. */
const LOCKED_FOR = 3_000;

function hindrance(code: ErrorCode, what: string, why: string): FabricaError {
  return new FabricaError(
    code,
    `${what}, but the control process can not go on: ${why}`,
    {},
    { remedy: `${ERRORS[code].remedy} It is carried out by itself then.` },
  );
}
