import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Catalog } from '../../catalog/catalog.js';
import { liveProductions, type ProductionRow } from '../../catalog/productions.js';
import { productionWorkflowId } from '../../domain/names.js';

/** Questions to Temporal at once. */
const AT_ONCE = 20;

/** Productions that the catalog calls live, each with whether its workflow runs. */
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
  return answers;
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
