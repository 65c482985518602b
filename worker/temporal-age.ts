import type { NativeConnection } from '@temporalio/worker';
import type { Catalog } from '../catalog/catalog.js';
import { lastChange, type LastChange } from '../catalog/changes.js';
import { beginEpoch, unrecovered } from '../catalog/epochs.js';
import type { Clock } from '../domain/clock.js';

/** gRPC's NOT_FOUND. */
const NOT_FOUND = 5;
/** Pages of a history, the newest events first, in which an activity is looked for. Its last ones are mostly in the first. */
const PAGES = 50;

/**
 * Gives the catalog a new epoch if Temporal does not know what has changed the catalog last, and yet runs productions: then it was restored
 * from an older state, and its workflows would do again what they have done. Nothing runs in a Temporal that was lost: that is left as it is.
 */
export async function heedOlderTemporal(
  catalog: Catalog,
  options: { connection: NativeConnection; namespace: string; clock: Clock },
): Promise<void> {
  const { clock } = options;
  const last = await catalog.read(lastChange);
  if (last === null || (await catalog.read(unrecovered)) !== null) return;
  if ((await knows(last, options)) || !(await runsProductions(options))) return;
  const why = `the Temporal state is older than the catalog: it lacks what ${last.workflowId} did at ${new Date(last.at).toISOString()}`;
  catalog.epoch = await catalog.write((db) =>
    beginEpoch(db, { why, who: 'fabrica', known: [], now: clock.now() }),
  );
}

interface Server {
  readonly connection: NativeConnection;
  readonly namespace: string;
}

/** Whether Temporal has scheduled this activity. A run that it has forgotten after the retention it has known. */
async function knows(last: LastChange, server: Server & { clock: Clock }): Promise<boolean> {
  const { clock, connection, namespace } = server;
  let nextPageToken: Uint8Array | undefined;
  for (let page = 0; page < PAGES; page++) {
    try {
      const answer = await connection.workflowService.getWorkflowExecutionHistoryReverse({
        namespace,
        execution: { workflowId: last.workflowId, runId: last.runId },
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      });
      for (const { activityTaskScheduledEventAttributes: scheduled } of answer.history?.events ??
        []) {
        // They are numbered in the order in which they are scheduled.
        if (scheduled) return Number(scheduled.activityId) >= last.activity;
      }
      if (answer.nextPageToken.length === 0) return false;
      nextPageToken = answer.nextPageToken;
    } catch (error) {
      if ((error as { code?: unknown }).code !== NOT_FOUND) throw error;
      return clock.now() - last.at > (await retentionOf(server));
    }
  }
  return false;
}

/** ms. */
async function retentionOf({ connection, namespace }: Server): Promise<number> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  return 1000 * Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
}

async function runsProductions({ connection, namespace }: Server): Promise<boolean> {
  const { executions } = await connection.workflowService.listWorkflowExecutions({
    namespace,
    pageSize: 1,
    query: `ExecutionStatus = 'Running' AND WorkflowType IN ('production', 'block')`,
  });
  return executions.length > 0;
}
