import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy, type Client } from '@temporalio/client';
import { CONTROL_QUEUE, siteWithdrawalWorkflowId } from '../../domain/names.js';
import type {
  siteWithdrawal,
  SiteWithdrawalInput,
  SiteWithdrawn,
} from '../../workflows/site-withdrawal.js';

/** s; it goes on without whoever waits for it. */
const PATIENCE = 10;

/** Withdraws what waits at a site that has just been banned. Null if that has not ended within 10 s; it goes on. */
export async function withdrawFromSite(
  client: Client,
  input: SiteWithdrawalInput,
): Promise<SiteWithdrawn | null> {
  const handle = await client.workflow.start<typeof siteWithdrawal>('siteWithdrawal', {
    taskQueue: CONTROL_QUEUE,
    workflowId: siteWithdrawalWorkflowId(input.site),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [input],
    priority: { priorityKey: 1 },
    staticSummary: `withdraw what waits at ${input.site}`,
  });
  const end = new AbortController();
  try {
    const late = sleep(PATIENCE * 1000, null, { signal: end.signal });
    return await Promise.race([handle.result(), late]);
  } finally {
    end.abort();
  }
}
