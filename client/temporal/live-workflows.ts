import {
  type Client,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Catalog } from '../../catalog/catalog.js';
import { liveProductions, type ProductionRow } from '../../catalog/productions.js';
import { CONTROL_QUEUE, productionWorkflowId } from '../../domain/names.js';
import type { production } from '../../workflows/production.js';

/** Questions to Temporal at once. */
const AT_ONCE = 20;

/**
 * Productions that the catalog calls live, each with whether its workflow runs. One that has ended while it was looked at is left
 * out: a workflow records the end before it ends itself.
 */
export async function liveWithWorkflows(
  catalog: Catalog,
  client: Client,
): Promise<{ production: ProductionRow; runs: boolean }[]> {
  const live = await catalog.read((db) => liveProductions(db));
  const answers: { production: ProductionRow; runs: boolean }[] = [];
  for (let start = 0; start < live.length; start += AT_ONCE) {
    const some = live.slice(start, start + AT_ONCE);
    answers.push(
      ...(await Promise.all(
        some.map(async (production) => ({ production, runs: await runs(client, production.name) })),
      )),
    );
  }
  if (answers.every((answer) => answer.runs)) return answers;
  const still = new Set((await catalog.read((db) => liveProductions(db))).map(({ id }) => id));
  return answers.filter((answer) => answer.runs || still.has(answer.production.id));
}

/**
 * Starts the workflow of every live production that has none. Each asks the catalog what remains, so doing it twice changes nothing.
 * @param by who asks, for the event log
 */
export async function restartLost(
  catalog: Catalog,
  client: Client,
  by: string,
): Promise<{ restarted: string[]; running: string[] }> {
  const live = await liveWithWorkflows(catalog, client);
  const names = (wanted: boolean): string[] =>
    live.filter((one) => one.runs === wanted).map((one) => one.production.name);
  const [restarted, running] = [names(false), names(true)];
  for (const name of restarted) await restart(client, name, by);
  return { restarted, running };
}

async function restart(client: Client, name: string, by: string): Promise<void> {
  await client.workflow.start<typeof production>('production', {
    taskQueue: CONTROL_QUEUE,
    workflowId: productionWorkflowId(name),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [{ production: name, by }],
    staticSummary: `production ${name}`,
  });
}

async function runs(client: Client, name: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(productionWorkflowId(name)).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
