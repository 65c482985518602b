import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { uptime } from 'node:os';
import { fileURLToPath } from 'node:url';
import { LAUNCHER } from './local-job.js';

const SCRIPT = fileURLToPath(new URL('./pilot.sh', import.meta.url));

export interface PilotOptions {
  /** Absolute. */
  readonly spool: string;
  readonly environment: NodeJS.ProcessEnv;
  /** It runs one job only, because the machine has no `setsid`: the pilot itself, a session of its own, becomes the job. */
  readonly single: boolean;
}

/** A job as a pilot sees it. */
export interface PilotJob {
  /** Its folder, relative to the spool. */
  readonly place: string;
}

/** What its owner is told: of each job that it was fed once, by one or the other. */
export interface PilotListener<J extends PilotJob> {
  /** The first of its jobs has ended with this code, or was passed over (`CAME_SECOND`); it is at the next, if it has any. */
  readonly ended: (pilot: Pilot<J>, job: J, code: number) => void;
  /** The pilot is no more. The first of these jobs may run on; the others it has not touched. */
  readonly gone: (pilot: Pilot<J>, jobs: readonly J[], why: string) => void;
}

/**
 * One slot: a tiny shell process (`pilot.sh`) that runs the jobs it is fed one after the other, so that this process forks once
 * per slot and not once per job. It ends when its stdin closes, and starts nothing more once this process is gone; a job it has
 * started is in a session of its own and goes on whatever becomes of the pilot.
 */
export class Pilot<J extends PilotJob> {
  /** How long its last job took, ms. */
  lastDuration = Infinity;
  /** When it came to its present job, or ended its last one; of `performance.now()`. */
  since = performance.now();
  readonly #jobs: J[] = [];
  readonly #child: ChildProcess;
  readonly #single: boolean;
  readonly #listener: PilotListener<J>;
  #said = '';
  #gone = false;

  constructor(options: PilotOptions, listener: PilotListener<J>) {
    this.#single = options.single;
    this.#listener = listener;
    const mode = options.single ? ['single'] : [];
    this.#child = spawn(
      '/bin/sh',
      [SCRIPT, LAUNCHER, String(process.pid), options.spool, ...mode],
      {
        cwd: '/',
        detached: true,
        stdio: ['pipe', 'pipe', 'ignore'],
        env: options.environment,
      },
    );
    this.#child.unref();
    // NOTE: without free file numbers there are no pipes.
    for (const stream of [this.#child.stdin, this.#child.stdout]) {
      // Its end is told by `close`.
      stream?.on('error', () => undefined);
      if (stream instanceof Socket) stream.unref();
    }
    this.#child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      this.#hear(text);
    });
    this.#child.once('error', (error) => {
      this.#end(error.message, null);
    });
    // `close`, unlike `exit`, comes after all that it has said.
    this.#child.once('close', (code, signal) => {
      this.#end(`ended with ${signal ?? String(code)}`, code);
    });
  }

  /** What it was fed and has not told the end of; it is at the first. */
  get jobs(): readonly J[] {
    return this.#jobs;
  }

  feed(job: J): void {
    if (this.#jobs.length === 0) this.since = performance.now();
    this.#jobs.push(job);
    const booted = Math.round(Date.now() / 10 - uptime() * 100);
    this.#child.stdin?.write(`${booted} ${job.place}\n`);
    if (this.#single) this.#child.stdin?.end();
  }

  /** It ends once it has run what it was fed. */
  finish(): void {
    this.#child.stdin?.end();
  }

  /** It ends, untold; its present job goes on. Resolves once it has ended. */
  async abandon(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.ref();
    this.#child.kill('SIGKILL');
    if (this.#child.pid !== undefined) await ended;
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
  }

  #hear(text: string): void {
    const lines = (this.#said + text).split('\n');
    this.#said = lines.pop() ?? '';
    for (const line of lines) this.#jobEnded(Number(line));
  }

  #jobEnded(code: number): void {
    const job = this.#jobs.shift();
    if (job === undefined || this.#gone) return;
    const now = performance.now();
    this.lastDuration = now - this.since;
    this.since = now;
    this.#listener.ended(this, job, code);
  }

  #end(why: string, code: number | null): void {
    if (this.#gone) return;
    if (this.#single && code !== null) this.#jobEnded(code);
    this.#gone = true;
    this.#listener.gone(this, this.#jobs, why);
  }
}
