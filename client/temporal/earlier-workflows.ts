import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { CONTROL_QUEUE } from '../../domain/names.js';

/** How often it is looked whether all have gone, and the pause between two looks, ms. */
const LOOKS = 100;
const PAUSE = 300;
const EPOCH = defineSearchAttributeKey('FabricaEpoch', 'KEYWORD');
/** Workflows that are part of a recovery themselves. */
const OWN = ['recovery', 'epochSweep'];

/**
 * Terminates the workflows that run for an earlier epoch; afterwards none of them runs. With `all`, those as well that do not tell their epoch,
 * except productions that are not registered yet: these come into the present one. Returns how many there were.
 */
export async function terminateEarlier(
  client: Client,
  epoch: string,
  all: boolean,
): Promise<number> {
  const terminated = new Set<string>();
  const query = `ExecutionStatus = 'Running' AND TaskQueue = '${CONTROL_QUEUE}'`;
  for (let look = 0; look < LOOKS; look++) {
    let found = 0;
    for await (const one of client.workflow.list({ query })) {
      if (OWN.includes(one.type)) continue;
      const told = one.typedSearchAttributes.get(EPOCH);
      const old = told === undefined ? all && one.type !== 'production' : told !== epoch;
      if (!old) continue;
      found++;
      terminated.add(one.runId);
      await terminate(client, one.workflowId, one.runId);
    }
    if (found === 0) return terminated.size;
    await sleep(PAUSE);
  }
  throw new Error(`workflows of earlier epochs still run; ask again`);
}

async function terminate(client: Client, workflowId: string, runId: string): Promise<void> {
  try {
    await client.workflow
      .getHandle(workflowId, runId)
      .terminate('of an earlier epoch: fabrica recover');
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
