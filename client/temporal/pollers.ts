import type { Connection } from '@temporalio/client';

/** Who takes work from a queue. */
export interface Poller {
  /** The role and process: `fabrica control e1abc.3f2a91 4711@host`. */
  readonly identity: string;
}

/** Temporal's `TaskQueueType` on the wire. */
const QUEUE_TYPES = { workflows: 1, activities: 2 } as const;
export type QueueType = keyof typeof QUEUE_TYPES;

/**
 * A poll lasts a minute and is followed by the next; the server tells of a poller for minutes after its last one. Whoever has not begun one for
 * longer than this has gone. s.
 */
const GONE = 75;

/** Who polls a queue: those that were killed are told for a minute more. */
export async function pollersOf(
  connection: Connection,
  queue: { readonly namespace: string; readonly name: string; readonly type: QueueType },
): Promise<Poller[]> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace: queue.namespace,
    taskQueue: { name: queue.name },
    taskQueueType: QUEUE_TYPES[queue.type],
  });
  const since = Date.now() / 1000 - GONE;
  return pollers
    .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) >= since)
    .map(({ identity }) => ({ identity: identity ?? '' }));
}
