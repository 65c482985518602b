import {
  Client,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Configuration } from '../domain/configuration.js';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { CONTROL_QUEUE, JANITOR_SCHEDULE_ID, JANITOR_WORKFLOW_ID } from '../domain/names.js';

/**
 * Afterwards the schedule that starts the janitor is as the configuration says. Where that can not be done (it may not be permitted) a
 * warning tells it: `fabrica janitor` works all the same. Never throws.
 */
export async function keepJanitorSchedule(options: {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly configuration: Configuration;
  readonly log: Log;
}): Promise<void> {
  const { configuration, connection, log, namespace } = options;
  const { schedule } = new Client({ connection, namespace });
  const wanted = scheduleOf(configuration.janitor.every);
  try {
    try {
      await schedule.create(wanted);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const { policies, spec } = wanted;
      await schedule.getHandle(JANITOR_SCHEDULE_ID).update((known) => ({
        // Whoever has paused it, or left a note, is heeded.
        state: known.state,
        action: wanted.action,
        spec,
        policies: { ...policies },
      }));
    }
  } catch (error) {
    log.warn(
      { schedule: JANITOR_SCHEDULE_ID, error: messageOf(error) },
      'the schedule of the janitor can not be made; run `fabrica janitor` now and then',
    );
  }
}

/** Two runs never overlap, and those that were missed while everything was down are not made up for. */
function scheduleOf(everySeconds: number): ScheduleOptions & { action: { type: 'startWorkflow' } } {
  return {
    scheduleId: JANITOR_SCHEDULE_ID,
    spec: { intervals: [{ every: Math.max(1000, Math.round(1000 * everySeconds)) }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: 'janitor',
      workflowId: `${JANITOR_WORKFLOW_ID}/scheduled`,
      taskQueue: CONTROL_QUEUE,
      args: [{}],
      staticSummary: 'janitor',
    },
  };
}
