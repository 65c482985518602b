import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import { CONTROL_QUEUE, JANITOR_WORKFLOW_ID } from '../../domain/names.js';
import type { janitor, JanitorReport } from '../../workflows/janitor.js';

/** Has the janitor run now, whatever its schedule and its back-offs say, and waits for its end; or for that of the one that runs. */
export async function runJanitor(client: Client): Promise<JanitorReport> {
  return client.workflow.execute<typeof janitor>('janitor', {
    taskQueue: CONTROL_QUEUE,
    workflowId: JANITOR_WORKFLOW_ID,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    args: [{ all: true }],
    staticSummary: 'janitor, asked for',
  });
}
