import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { AuditConclusion } from '../../activities/control/audit.js';
import { CONTROL_QUEUE } from '../../domain/names.js';
import type { audit } from '../../workflows/audit.js';

/** Audits a production, or waits for the audit that runs already. Throws why it can not be done. */
export async function auditProduction(
  client: Client,
  ref: { epoch: string; production: string },
): Promise<AuditConclusion> {
  return client.workflow.execute<typeof audit>('audit', {
    taskQueue: CONTROL_QUEUE,
    workflowId: `audit/${ref.production}`,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    args: [ref],
    staticSummary: `audit of ${ref.production}`,
  });
}
