import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { everyProcessOf, processesOf, signal } from './processes.js';

export interface UpkeepOptions {
  readonly program: string;
  /** Global options of the command line. */
  readonly options: readonly string[];
  readonly stateDirectory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

const RESTART_MS = 500;
const STOP_MS = 60_000;
const LOOK_MS = 50;

/** Keeps `fabrica up` running as an operator or systemd would: starts it again whenever it has ended. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #child: ChildProcess | null = null;
  #stopping = false;
  #pauses = 0;
  #serves = false;
  #loop: Promise<void> = Promise.resolve();
  /** How often it was started. */
  starts = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#keepUp();
  }

  /** True once the present `up` has told that it serves. */
  get serves(): boolean {
    return this.#serves;
  }

  /** False if it does not serve within the time, ms. */
  async untilServes(milliseconds: number): Promise<boolean> {
    for (let waited = 0; waited < milliseconds; waited += LOOK_MS) {
      if (this.#serves) return true;
      await sleep(LOOK_MS);
    }
    return this.#serves;
  }

  /** Does something while no process of the system runs: all are killed, and `up` is started again afterwards. */
  async whileDown(work: () => void): Promise<void> {
    this.#pauses++;
    try {
      for (let tries = 0; tries < 100; tries++) {
        const { stateDirectory } = this.#options;
        const running = everyProcessOf(stateDirectory).filter(
          ({ name }) => !/^(wrapper|payload|helper|pilot) /.test(name),
        );
        if (running.length === 0 && this.#child === null) break;
        for (const one of running) signal(one, 'SIGKILL');
        await sleep(LOOK_MS);
      }
      work();
    } finally {
      this.#pauses--;
    }
  }

  /** Ends the system in order; false if it had to be killed. */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    this.#child?.kill('SIGTERM');
    const inTime = await Promise.race([
      this.#loop.then(() => true),
      sleep(STOP_MS, false, { ref: false }),
    ]);
    if (!inTime) this.kill();
    await this.#loop;
    return inTime;
  }

  /** SIGKILL for `up`; its children end by themselves. */
  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGKILL');
    for (const one of processesOf('temporal', this.#options.stateDirectory)) signal(one, 'SIGKILL');
  }

  async #keepUp(): Promise<void> {
    while (!this.#stopping) {
      if (this.#pauses > 0) {
        await sleep(LOOK_MS);
        continue;
      }
      await this.#run();
      await sleep(RESTART_MS);
    }
  }

  #run(): Promise<void> {
    const { env, logFile, options, program } = this.#options;
    this.starts++;
    const output = openSync(logFile, 'a');
    const child = spawn(
      process.execPath,
      [program, ...options, '--json', 'up', '--port', '0', '--ui-port', '0'],
      { stdio: ['ignore', 'pipe', output], env },
    );
    closeSync(output);
    this.#child = child;
    let told = '';
    child.stdout?.on('data', (text: Buffer) => {
      told += text.toString();
      this.#serves = told.includes('"address"');
    });
    return new Promise((resolve) => {
      child.once('close', () => {
        this.#child = null;
        this.#serves = false;
        resolve();
      });
    });
  }
}

/** Removes Temporal's state from a state directory. */
export function removeTemporalState(stateDirectory: string): void {
  for (const end of ['', '-wal', '-shm']) {
    rmSync(path.join(stateDirectory, `temporal.db${end}`), { force: true });
  }
}
