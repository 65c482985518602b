import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { messageOf } from '../domain/errors.js';
import { connectionWithoutRetry } from './temporal-connection.js';
import type { TemporalEndpoint } from './temporal-connection.js';

/** Whether a server orders waiting tasks fairly, and the observation behind it, for a log or a person. */
export interface FairnessProof {
  readonly fair: boolean;
  /** False if the canaries could not be watched to their end: then nothing is known. */
  readonly watched: boolean;
  readonly evidence: string;
}

/** Canaries of the production that came first, and of the one that came later. */
const CROWD = 24;
const LATE = 8;
/** Temporal's `TaskQueueType` on the wire. */
const ACTIVITIES = 2;
const LOOK_MS = 20;

/**
 * Whether the server shares a queue fairly between productions. No API tells (it is off unless `matching.enableFairness` is set),
 * so a throw-away queue is watched: many canaries under one fairness key, then a few under another, then all are taken one by one.
 * With fairness the late ones come among the first; without it they come last; the line is drawn in the middle of their mean place.
 *
 * Fairness holds inside a partition only, and the order in which several are emptied is no one's promise: measured with 4 partitions, a fair
 * server was found unfair 4 times of 25, an unfair one never fair. With one, as Fabrica wants it, there is no doubt.
 *
 * The canaries are standalone activities, taken here by polling: no worker is needed, and nothing of them is left. Takes some 0.5 s,
 * at most `milliseconds`. (Default: 15000, which only a very busy machine needs) Never throws: what can not be proved is not fair,
 * and the evidence says why.
 */
export async function proveFairness(
  endpoint: TemporalEndpoint,
  milliseconds = 15_000,
): Promise<FairnessProof> {
  const { namespace } = endpoint;
  const connection = await connectionWithoutRetry(endpoint);
  const client = new Client({ connection, namespace });
  const deadline = Date.now() + milliseconds;
  const queue = `fabrica.canary.${randomUUID()}`;
  const canaries: Canary[] = [];
  try {
    return await connection.withDeadline(deadline, async () => {
      await Promise.all(
        Array.from({ length: CROWD }, async (_, i) =>
          canaries.push(await release(client, queue, 'crowd', i)),
        ),
      );
      await untilWaiting(client, queue, CROWD);
      for (let i = 0; i < LATE; i++) canaries.push(await release(client, queue, 'late', i));
      const partitions = await untilWaiting(client, queue, CROWD + LATE);
      return judge(await take(client, queue, canaries.length), partitions);
    });
  } catch (error) {
    return {
      fair: false,
      watched: false,
      evidence: `the canaries could not be watched: ${messageOf(error)}`,
    };
  } finally {
    await remove(client, canaries);
    await connection.close();
  }
}

interface Canary {
  readonly activityId: string;
  readonly runId: string;
}

async function release(client: Client, queue: string, key: string, i: number): Promise<Canary> {
  const id = `${queue}.${key}.${i}`;
  const handle = await client.activity.start('fairnessCanary', {
    id,
    taskQueue: queue,
    scheduleToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 1 },
    priority: { fairnessKey: key },
  });
  return { activityId: id, runId: handle.runId ?? '' };
}

/**
 * Resolves, with the number of the queue's partitions, when so many canaries wait in it. A start is answered before its task is in the queue, so without this the late ones
 * overtake some of the crowd, and a server that is not fair may seem to be. The newer statistics of a queue are some seconds
 * old; this status is not. The deadline of the connection ends it.
 */
async function untilWaiting(client: Client, queue: string, count: number): Promise<number> {
  const { namespace } = client.options;
  const { activityTaskQueuePartitions } = await client.workflowService.listTaskQueuePartitions({
    namespace,
    taskQueue: { name: queue },
  });
  for (;;) {
    const waiting = await Promise.all(
      activityTaskQueuePartitions.map(async ({ key }) => {
        const { taskQueueStatus } = await client.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: key ?? queue },
          taskQueueType: ACTIVITIES,
          includeTaskQueueStatus: true,
        });
        return Number(taskQueueStatus?.backlogCountHint ?? 0);
      }),
    );
    if (waiting.reduce((sum, one) => sum + one, 0) >= count) return waiting.length;
    await sleep(LOOK_MS);
  }
}

/** Takes so many tasks one after the other; the fairness keys in the order in which they came. */
async function take(client: Client, queue: string, count: number): Promise<string[]> {
  const { namespace } = client.options;
  const identity = 'fabrica fairness canary';
  const order: string[] = [];
  while (order.length < count) {
    const task = await client.workflowService.pollActivityTaskQueue({
      namespace,
      identity,
      taskQueue: { name: queue },
    });
    if (task.taskToken.length === 0) continue;
    order.push(task.priority?.fairnessKey ?? '');
    await client.workflowService.respondActivityTaskCompleted({
      namespace,
      identity,
      taskToken: task.taskToken,
    });
  }
  return order;
}

function judge(order: readonly string[], partitions: number): FairnessProof {
  const places = order.flatMap((key, i) => (key === 'late' ? [i + 1] : []));
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length;
  const total = CROWD + LATE;
  const evidence =
    `behind ${CROWD} waiting tasks of one production, ${LATE} of another were served at the places ` +
    `${places.join(', ')} of ${total}` +
    (partitions === 1
      ? ''
      : `; the queue has ${partitions} partitions, which blurs it: one is wanted`);
  return { fair: places.length === LATE && mean <= total / 2, watched: true, evidence };
}

/** Finished canaries would stay on Temporal's page for the whole retention. */
async function remove(client: Client, canaries: readonly Canary[]): Promise<void> {
  const { namespace } = client.options;
  await client.connection.withDeadline(Date.now() + 2000, async () =>
    Promise.allSettled(
      canaries.map(async ({ activityId, runId }) =>
        client.workflowService.deleteActivityExecution({ namespace, activityId, runId }),
      ),
    ),
  );
}
