import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { isAlive } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import type { RecordedChild } from './up-record.js';

export interface EndingOptions {
  readonly log: Log;
  /** ms between SIGTERM and SIGKILL. (Default: 15,000) */
  readonly graceMs?: number;
}

const POLL_MS = 25;
/** A killed process is gone at once, unless it hangs in the kernel. */
const KILLED_MS = 5000;

/**
 * Ends what a killed `up` left behind: the recorded processes that still run, all at the same time, SIGTERM first and SIGKILL after the
 * grace. A number that another process has by now is left alone, and so are jobs: they are never recorded, and no group is signalled.
 * Returns those that run all the same: they hang in the kernel, or belong to somebody else.
 */
export async function endLeftovers(
  children: readonly RecordedChild[],
  options: EndingOptions,
): Promise<RecordedChild[]> {
  const gone = await Promise.all(children.map(async (child) => endLeftover(child, options)));
  return children.filter((_, i) => gone[i] !== true);
}

async function endLeftover(
  child: RecordedChild,
  { log, graceMs = 15_000 }: EndingOptions,
): Promise<boolean> {
  if (!isAlive(child)) return true;
  log.info({ process: child.name, pid: child.pid }, 'ending what a killed `fabrica up` left');
  if (signal(child, 'SIGTERM', log) && (await gone(child, graceMs))) return true;
  log.warn({ process: child.name, pid: child.pid }, 'it does not end by itself: SIGKILL');
  if (signal(child, 'SIGKILL', log) && (await gone(child, KILLED_MS))) return true;
  log.error({ process: child.name, pid: child.pid }, 'a process of an earlier up cannot be ended');
  return false;
}

/** Looks at the start time immediately before the signal; what remains is a race of microseconds. False if it was not allowed. */
function signal(identity: ProcessIdentity, name: NodeJS.Signals, log: Log): boolean {
  if (!isAlive(identity)) return true;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch (error) {
    if (!isAlive(identity)) return true;
    log.warn({ pid: identity.pid, error: messageOf(error) }, `${name} was refused`);
    return false;
  }
}

async function gone(identity: ProcessIdentity, milliseconds: number): Promise<boolean> {
  for (let waited = 0; waited < milliseconds; waited += POLL_MS) {
    if (!isAlive(identity)) return true;
    await sleep(POLL_MS);
  }
  return !isAlive(identity);
}
