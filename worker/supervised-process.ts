import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../domain/clock.js';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { identityOf } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

export interface SupervisedProcessOptions {
  readonly name: string;
  readonly spawn: () => ChildProcess;
  /** Resolves when the process serves; throws if it will not, in bounded time. The signal aborts when the process has ended. */
  readonly ready: (child: ChildProcess, ended: AbortSignal) => Promise<void>;
  /** Told of each process that is started, and null when it has ended. */
  readonly onIdentity?: (identity: ProcessIdentity | null) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** ms before a crashed process is started again: the first time, and at most. (Default: 500 and 60,000) */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
}

/** A process that ran this long has recovered: its next crash is a first one. ms. */
const STABLE_MS = 60_000;

interface Launched {
  readonly child: ChildProcess;
  /** Resolves, with how it ended, when the process has ended. */
  readonly ended: Promise<string>;
}

/**
 * A child process that is started again whenever it ends without having been asked to: at once at first, then after a growing
 * back-off. A restart that does not become ready counts as a crash.
 */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  readonly #stopping = new AbortController();
  #current: Launched | null = null;
  #guard: Promise<void> = Promise.resolve();

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | null {
    return this.#current?.child.pid ?? null;
  }

  /** Afterwards the process serves and is kept running. If it does not become ready, it is ended and the reason thrown. */
  async start(): Promise<void> {
    const launched = await this.#launch();
    this.#guard = this.#keepRunning(launched);
  }

  /** Afterwards the process does not run and will not be started again. SIGTERM, and SIGKILL after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    if (this.#current !== null) await this.#end(this.#current, graceMs);
    await this.#guard;
  }

  /** Ends the process with SIGKILL, now. */
  kill(): void {
    this.#stopping.abort();
    this.#current?.child.kill('SIGKILL');
  }

  async #launch(): Promise<Launched> {
    this.#stopping.signal.throwIfAborted();
    const child = this.#options.spawn();
    const ended = endOf(child);
    const launched = { child, ended };
    this.#current = launched;
    this.#options.onIdentity?.(child.pid === undefined ? null : identityOf(child.pid));
    const gone = new AbortController();
    const recorded = ended.then(() => {
      this.#current = null;
      this.#options.onIdentity?.(null);
      gone.abort();
    });
    try {
      await this.#options.ready(child, gone.signal);
      return launched;
    } catch (error) {
      await this.#end(launched, 5000);
      await recorded;
      throw error;
    }
  }

  async #keepRunning(first: Launched): Promise<void> {
    const { backoff = { firstMs: 500, maxMs: 60_000 }, clock, log, name } = this.#options;
    const stopping = this.#stopping.signal;
    let ended: Promise<string> = first.ended;
    let delay = backoff.firstMs;
    for (;;) {
      const since = clock.now();
      const how = await ended;
      if (stopping.aborted) return;
      if (clock.now() - since > STABLE_MS) delay = backoff.firstMs;
      log.error({ process: name, how, restartInMs: delay }, 'a process ended by itself');
      await sleep(delay, undefined, { signal: stopping }).catch(() => undefined);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it may have been aborted while we slept
      if (stopping.aborted) return;
      delay = Math.min(delay * 2, backoff.maxMs);
      ended = this.#launch().then(
        (launched) => {
          log.info({ process: name, pid: launched.child.pid }, 'it runs again');
          return launched.ended;
        },
        (error: unknown) => `it did not start: ${messageOf(error)}`,
      );
    }
  }

  async #end({ child, ended }: Launched, graceMs: number): Promise<void> {
    child.kill('SIGTERM');
    const patience = new AbortController();
    const killed = sleep(graceMs, undefined, { signal: patience.signal }).then(
      () => {
        this.#options.log.warn({ process: this.name }, 'it does not end by itself: SIGKILL');
        child.kill('SIGKILL');
      },
      () => undefined,
    );
    await ended;
    patience.abort();
    await killed;
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`);
    });
    // Also emitted when a signal could not be sent; only without a process has it ended.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
  });
}
