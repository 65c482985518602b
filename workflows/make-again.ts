import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { productionWorkflowId } from '../domain/names.js';
import type { ReplicaName } from '../domain/selection.js';
import * as messages from './messages.js';
import type { production as productionWorkflow } from './production.js';

/**
 * Has a production make lost files again, whether its workflow runs or has ended; `ended` changes the rows of one that has, and answers why
 * not. Answers why it does not; empty if it does.
 */
export async function makeAgain(
  production: string,
  lost: readonly ReplicaName[],
  reason: string,
  ended: () => Promise<{ problem: string }>,
): Promise<string> {
  const workflowId = productionWorkflowId(production);
  try {
    await getExternalWorkflowHandle(workflowId).signal(messages.SIGNALS.reprocess, {
      ...{ lost, reason, by: 'fabrica' },
    });
    return '';
  } catch (error) {
    // It has ended: its rows are changed here, and it starts with them.
    if (isCancellation(error)) throw error;
  }
  const { problem } = await ended();
  if (problem !== '') return problem;
  try {
    await startChild<typeof productionWorkflow>('production', {
      workflowId,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args: [{ production, by: 'fabrica' }],
      staticSummary: `production ${production}`,
    });
  } catch (error) {
    // Somebody else has started it meanwhile.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return '';
}
