import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy, type Client } from '@temporalio/client';
import { FabricaError } from '../../domain/errors.js';
import { CONTROL_QUEUE } from '../../domain/names.js';
import type { recovery, RecoveryOutcome } from '../../workflows/recovery.js';

/** s; it goes on without whoever waits for it. */
const PATIENCE = 1800;

/** Brings everything into the present epoch, or waits for the recovery that runs already. */
export async function runRecovery(client: Client, by: string): Promise<RecoveryOutcome> {
  const handle = await client.workflow.start<typeof recovery>('recovery', {
    taskQueue: CONTROL_QUEUE,
    workflowId: 'fabrica/recovery',
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [{ by }],
    staticSummary: 'recovery after a restore',
  });
  const end = new AbortController();
  try {
    return await Promise.race([
      handle.result(),
      sleep(PATIENCE * 1000, undefined, { signal: end.signal }).then(() => {
        throw new FabricaError(
          'FABRICA_WORKER_ABSENT',
          `The recovery has not ended within ${PATIENCE / 60} minutes; it goes on.`,
          {},
          {
            remedy:
              'Run `fabrica recover` again to wait for its end; `fabrica doctor` tells who is missing.',
          },
        );
      }),
    ]);
  } finally {
    end.abort();
  }
}
