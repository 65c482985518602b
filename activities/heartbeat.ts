import { Context } from '@temporalio/activity';
import { eachActivity } from './each-activity.js';

/** Between two heartbeats, ms; the time-outs (`workflows/activities.ts`) leave room for three of them to be lost. */
const BEAT = 5_000;

/**
 * The activities, each with a heartbeat for as long as it runs: should this process die, the server learns of it within the heartbeat
 * time-out and gives the work to another one, however long the work itself may take.
 */
export function withHeartbeat<T extends Parameters<typeof eachActivity>[0]>(activities: T): T {
  return eachActivity(activities, async (run) => {
    const context = Context.current();
    const timer = setInterval(() => {
      context.heartbeat();
    }, BEAT);
    try {
      return await run();
    } finally {
      clearInterval(timer);
    }
  });
}
