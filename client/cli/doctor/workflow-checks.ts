import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Catalog } from '../../../catalog/catalog.js';
import { liveWithWorkflows } from '../../temporal/live-workflows.js';
import { fail, ok, warn, type Finding } from './finding.js';

/** A workflow task that was tried so often is stuck: a bug, or a worker of another version. */
const STUCK_ATTEMPTS = 3;
/** More open workflows than these are not looked into one by one. */
const MOST_LOOKED_AT = 500;

/** No open workflow of Fabrica repeats a task that fails. */
export async function checkStuckWorkflows(client: Client): Promise<Finding[]> {
  const stuck: string[] = [];
  let open = 0;
  const query = `ExecutionStatus = 'Running' AND WorkflowType IN ('production', 'block', 'audit')`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    if (++open > MOST_LOOKED_AT) break;
    const attempt = await taskAttempt(client, workflowId, runId);
    if (attempt > STUCK_ATTEMPTS) stuck.push(`${workflowId} (${attempt} tries)`);
  }
  const check = 'workflow tasks';
  const seen = open > MOST_LOOKED_AT ? `the first ${MOST_LOOKED_AT}` : `${open}`;
  if (stuck.length === 0) return [ok(check, `${seen} open workflows, none is stuck`)];
  return [
    fail(
      check,
      `stuck: ${stuck.slice(0, 20).join(', ')}`,
      "Look at the last failed task on Temporal's page, repair or update the control worker; the workflow then goes on by itself.",
    ),
  ];
}

async function taskAttempt(client: Client, workflowId: string, runId: string): Promise<number> {
  try {
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
    return raw.pendingWorkflowTask?.attempt ?? 0;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 0;
    throw error;
  }
}

/** Every production that the catalog calls live has a workflow. */
export async function checkLiveProductions(catalog: Catalog, client: Client): Promise<Finding> {
  const live = await liveWithWorkflows(catalog, client);
  const lost = live.filter(({ runs }) => !runs).map(({ production }) => production.name);
  const check = 'live productions';
  if (lost.length === 0) return ok(check, `${live.length}, each with its workflow`);
  return warn(check, `without a workflow: ${lost.join(', ')}`, 'Run `fabrica recover`.');
}
