import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { productionWorkflowId, STORAGE_QUEUE } from '../../domain/names.js';
import { failureOf } from './pending-failure.js';

/** A storage that the audit of a production asks something. */
export interface AwaitedStorage {
  readonly storage: string;
  /** When it was asked, ms, if no process has taken that on yet; null if one has. */
  readonly untakenSince: number | null;
  /** Why it has failed the last time; empty if it has not. */
  readonly failure: string;
}

/** Workflows of an audit that ask storages: what is condemned is removed first. */
const PARTS = ['removal', 'audit'];

/** The storages whose answers the audit of a production waits for now, by name. */
export async function storagesAwaited(
  client: Client,
  production: string,
): Promise<AwaitedStorage[]> {
  const parts = await Promise.all(
    PARTS.map((part) => askedBy(client, `${productionWorkflowId(production)}/${part}`)),
  );
  const found = new Map<string, AwaitedStorage>();
  for (const one of parts.flat()) {
    const known = found.get(one.storage);
    if (known === undefined || !isInTrouble(known)) found.set(one.storage, one);
  }
  return [...found.values()].sort((a, b) => (a.storage < b.storage ? -1 : 1));
}

const isInTrouble = ({ failure, untakenSince }: AwaitedStorage): boolean =>
  failure !== '' || untakenSince !== null;

/** As Temporal's `PendingActivityState` has it on the wire. */
const SCHEDULED = 1;

async function askedBy(client: Client, workflowId: string): Promise<AwaitedStorage[]> {
  try {
    const { raw, status } = await client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'RUNNING') return [];
    return (raw.pendingActivities ?? []).flatMap((one) => {
      const queue = one.activityOptions?.taskQueue?.name ?? '';
      if (!queue.startsWith(STORAGE_QUEUE)) return [];
      const failure = failureOf(one.lastFailure)?.why ?? '';
      const untaken = Number(one.state) === SCHEDULED && failure === '';
      const since = 1000 * Number(one.scheduledTime?.seconds ?? 0);
      return [
        {
          storage: queue.slice(STORAGE_QUEUE.length),
          untakenSince: untaken && since > 0 ? since : null,
          failure,
        },
      ];
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}
