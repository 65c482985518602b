import { Context } from '@temporalio/activity';

/** Between two heartbeats, ms; the time-outs (`workflows/activities.ts`) leave room for three of them to be lost. */
const BEAT = 5_000;

/**
 * The activities, each with a heartbeat for as long as it runs: should this process die, the server learns of it within the heartbeat
 * time-out and gives the work to another one, however long the work itself may take.
 */
export function withHeartbeat<T extends Record<string, (...args: never[]) => Promise<unknown>>>(
  activities: T,
): T {
  const beating = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...args: never[]): Promise<unknown> => {
      const context = Context.current();
      const timer = setInterval(() => {
        context.heartbeat();
      }, BEAT);
      try {
        return await activity(...args);
      } finally {
        clearInterval(timer);
      }
    },
  ]);
  // The same names with the same signatures.
  return Object.fromEntries(beating) as T;
}
