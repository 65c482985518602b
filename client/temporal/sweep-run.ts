import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  type Client,
} from '@temporalio/client';
import type { SweepInput } from '../../activities/control/sweeps.js';
import { CONTROL_QUEUE, sweepWorkflowId } from '../../domain/names.js';
import type { SweepReport } from '../../domain/sweep.js';
import type { sweep } from '../../workflows/sweep.js';

/** Somebody else's sweeps that are waited for. */
const OTHERS = 5;

/**
 * Sweeps a storage and waits for the end. There is one sweep of a storage at a time: `tell` is told if another one is waited for. Throws why
 * it can not be done.
 */
export async function sweepStorage(
  client: Client,
  input: SweepInput,
  tell: (message: string) => void,
): Promise<SweepReport> {
  const workflowId = sweepWorkflowId(input.storage);
  for (let others = 0; ; others++) {
    try {
      return await client.workflow.execute<typeof sweep>('sweep', {
        ...{ workflowId, taskQueue: CONTROL_QUEUE, args: [input] },
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        staticSummary: `sweep of ${input.storage}`,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || others === OTHERS)
        throw error;
      tell(`${input.storage} is being swept already; waiting for the end of that.`);
      await client.workflow
        .getHandle(workflowId)
        .result()
        .catch(() => undefined);
    }
  }
}
