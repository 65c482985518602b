import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from '@temporalio/worker';
import type { Clock } from '../domain/clock.js';
import type { Log } from '../domain/log.js';
import { messageOf } from '../domain/errors.js';
import type { ComputeElement } from '../grid/compute/compute-element.js';

/** How a worker leaves its sites: their jobs end, and are recorded, before it does. */
export interface Drain {
  /** Aborts when it is to leave. */
  readonly asked: AbortSignal;
  /** After so long it leaves whatever is left, s. */
  readonly seconds: number;
  /** Has the sites get no more jobs. */
  readonly announce: () => Promise<void>;
}

/** ms. */
const LOOK = 1000;
/** Looks in a row that find nothing: what an ended job is followed by begins a moment after it. */
const QUIET_LOOKS = 5;

/**
 * Resolves when it was asked to leave and nothing is left to do at its sites: no job waits or runs there, and none of their activities is under way.
 * Resolves at the latest after the time that the drain gives, and when the signal aborts.
 */
export async function drained(
  { announce, asked, seconds }: Drain,
  given: {
    readonly elements: readonly ComputeElement[];
    readonly workers: readonly Worker[];
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { clock, log, signal } = given;
  await aborted(AbortSignal.any([asked, signal]));
  if (signal.aborted) return;
  const deadline = clock.now() + 1000 * seconds;
  log.info({ seconds }, 'it drains: no more jobs, and the end when none is left');
  try {
    await announce();
  } catch (error) {
    log.warn(
      { error: messageOf(error) },
      'nobody could be told that it drains: jobs may still come',
    );
  }
  const hasTime = (): boolean => clock.now() < deadline && !signal.aborted;
  let quiet = 0;
  while (quiet < QUIET_LOOKS && hasTime()) {
    await sleep(LOOK, undefined, { signal }).catch(() => undefined);
    quiet = (await isIdle(given)) ? quiet + 1 : 0;
  }
  if (quiet < QUIET_LOOKS)
    log.warn({}, 'it leaves while jobs are left: they are made again elsewhere');
  else log.info({}, 'it is drained');
}

async function isIdle({
  elements,
  workers,
}: {
  readonly elements: readonly ComputeElement[];
  readonly workers: readonly Worker[];
}): Promise<boolean> {
  if (workers.some((worker) => worker.getStatus().numInFlightActivities > 0)) return false;
  try {
    const slots = await Promise.all(elements.map((element) => element.slots()));
    return slots.every(({ queued, running }) => queued + running === 0);
  } catch {
    // An element that does not answer may have jobs.
    return false;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
