import type { Client } from '@temporalio/client';

/** The largest history of each workflow type, and how many workflows of it there were. */
export interface HistorySize {
  readonly workflows: number;
  readonly events: number;
  readonly bytes: number;
}

/** Questions to Temporal at once. */
const AT_ONCE = 20;

/** Sizes of all histories that a server has, by workflow type. */
export async function historySizes(client: Client): Promise<Record<string, HistorySize>> {
  const runs: { workflowId: string; runId: string }[] = [];
  for await (const { runId, workflowId } of client.workflow.list())
    runs.push({ runId, workflowId });
  const sizes: Record<string, HistorySize> = {};
  for (let start = 0; start < runs.length; start += AT_ONCE) {
    const some = runs.slice(start, start + AT_ONCE);
    const described = await Promise.all(
      some.map(({ runId, workflowId }) => client.workflow.getHandle(workflowId, runId).describe()),
    );
    for (const { historyLength, historySize = 0, type } of described) {
      const known = sizes[type] ?? { workflows: 0, events: 0, bytes: 0 };
      sizes[type] = {
        workflows: known.workflows + 1,
        events: Math.max(known.events, historyLength),
        bytes: Math.max(known.bytes, historySize),
      };
    }
  }
  return sizes;
}
