import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { systemClock } from '../../domain/clock.js';
import { silentLog } from '../../domain/log.js';
import { choosePort } from '../../worker/ports.js';
import type { SupervisedProcess } from '../../worker/supervised-process.js';
import { findTemporalBinary } from '../../worker/temporal-binary.js';
import { TEMPORAL_HOST, temporalServer } from '../../worker/temporal-server.js';

/** A Temporal server that is not Fabrica's own, and parts of Fabrica that are started one by one, of any build. */
export class SeparateWorkers {
  /** Where workers and commands find the server. */
  address: string;
  readonly #folder: string;
  readonly #server: SupervisedProcess;
  readonly #workers = new Set<ChildProcess>();

  private constructor(folder: string, address: string, server: SupervisedProcess) {
    this.#folder = folder;
    this.address = address;
    this.#server = server;
  }

  /** Starts the server; its state is in the folder. */
  static async start(folder: string): Promise<SeparateWorkers> {
    const any = { asked: 0, preferred: 0, host: TEMPORAL_HOST, purpose: 'test' };
    const port = await choosePort(any);
    const server = temporalServer({
      binary: (await findTemporalBinary({ env: process.env, log: silentLog })).path,
      port,
      uiPort: await choosePort({ ...any, taken: [port] }),
      namespace: 'default',
      databaseFile: path.join(folder, 'theirs.db'),
      logFile: path.join(folder, 'theirs.log'),
      clock: systemClock,
      log: silentLog,
    });
    await server.start();
    return new SeparateWorkers(folder, `${TEMPORAL_HOST}:${port}`, server);
  }

  /** What the command line is told before its command. */
  get options(): string[] {
    return ['--state', path.join(this.#folder, 'state'), '--address', this.address];
  }

  /** Starts `fabrica worker ...` of a build on the folder's state, and waits until it polls. */
  async worker(argv: readonly string[], dist = 'dist'): Promise<ChildProcess> {
    const { HOME, PATH, TMPDIR } = process.env;
    const child = spawn(
      process.execPath,
      [path.resolve(dist, 'program/fabrica.js'), ...this.options, 'worker', ...argv],
      {
        cwd: this.#folder,
        env: { HOME, PATH, ...(TMPDIR === undefined ? {} : { TMPDIR }) },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#workers.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => (said += text.toString()));
    }
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', () => {
        if (said.includes('polls')) resolve();
      });
      child.once('exit', () => {
        reject(new Error(`the worker ended: ${said}`));
      });
    });
    return child;
  }

  /** SIGTERM, and its end. */
  async stop(worker: ChildProcess): Promise<void> {
    this.#workers.delete(worker);
    if (worker.exitCode !== null || worker.signalCode !== null) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGTERM');
    await gone;
  }

  /** Ends all of it. */
  async end(): Promise<void> {
    for (const worker of [...this.#workers]) await this.stop(worker);
    await this.#server.stop(5000);
  }
}
