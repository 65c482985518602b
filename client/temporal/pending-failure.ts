import type { Client } from '@temporalio/client';
import { ERRORS, FabricaError, isErrorCode } from '../../domain/errors.js';

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
    const message = lastFailure?.message ?? '';
    if (message === '') continue;
    const type = lastFailure?.applicationFailureInfo?.type;
    const code = isErrorCode(type) ? type : 'FABRICA_INTERNAL';
    const { remedy } = ERRORS[code];
    // A failure's message ends with its remedy, because Temporal's page shows nothing but the message.
    const why = message.endsWith(remedy) ? message.slice(0, -remedy.length).trimEnd() : message;
    return new FabricaError(
      code,
      `${what}, but the control process can not go on: ${why}`,
      {},
      { remedy: `${remedy} It is carried out by itself then.` },
    );
  }
  return null;
}
