import { systemClock } from '../domain/clock.js';
import { failureMessage } from './child-task.js';
import type { ChildMessage, ChildTask } from './child-task.js';
import { runControlWorker } from './control-worker.js';
import { fileLog } from './log.js';
import { runSiteWorker } from './site-worker.js';

/**
 * The program of the child processes of `fabrica up`: `process.js control`, `process.js site NAME...`. Its task comes as the first IPC
 * message. It ends cleanly on SIGTERM and SIGINT, and when the channel closes because `up` is gone.
 */

const [role = '', ...sites] = process.argv.slice(2);
const stop = new AbortController();
let running = false;

for (const event of ['SIGTERM', 'SIGINT', 'SIGHUP', 'disconnect'] as const) {
  process.on(event, () => {
    if (!running) end(0);
    stop.abort();
  });
}
process.once('message', (task) => {
  running = true;
  void run(task as ChildTask);
});

async function run(task: ChildTask): Promise<void> {
  const name = sites.length > 1 ? `${sites.length} sites` : [role, ...sites].join(' ');
  const log = fileLog({ name, file: task.logFile, clock: systemClock });
  const shared = {
    ...task,
    clock: systemClock,
    log,
    signal: stop.signal,
    onReady: (): void => {
      log.info({ address: task.address, pid: process.pid }, 'polling');
      tell({ kind: 'ready' });
    },
  };
  try {
    if (role === 'site') await runSiteWorker({ ...shared, sites });
    else await runControlWorker(shared);
    log.info({}, 'ended');
    end(0);
  } catch (error) {
    if (stop.signal.aborted) {
      log.info({ error }, 'ended by request before it was done');
      end(0);
    } else {
      log.error({ error }, 'ended by an error');
      tell(failureMessage(error), () => end(1));
    }
  }
}

function tell(message: ChildMessage, then: () => void = () => undefined): void {
  // A parent that is gone hears nothing; `disconnect` ends this process.
  if (process.connected && process.send !== undefined) process.send(message, then);
  else then();
}

function end(code: number): never {
  process.exit(code);
}
