import type { ChildProcess } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process of a server of one test. */
export interface ServerProcess {
  /** Ends the process at once. */
  kill(): Promise<void>;
  /** The same server again, on the same port. */
  start(): Promise<void>;
  /** Ends it, and removes its folder. */
  end(): Promise<void>;
}

/** s until a server answers. */
const PATIENCE = 10;

/** Starts a server, and waits until it serves. */
export async function startServer(given: {
  readonly name: string;
  readonly folder: string;
  readonly logFile: string;
  readonly spawn: () => ChildProcess;
  /** Throws while it does not serve. */
  readonly ask: () => void;
}): Promise<ServerProcess> {
  const { ask, folder, logFile, name, spawn } = given;
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    server = spawn();
    for (const end = Date.now() + 1000 * PATIENCE; ; await sleep(50)) {
      try {
        ask();
        return;
      } catch {
        if (Date.now() > end) throw new Error(`${name} does not start: ${logOf(logFile)}`);
      }
    }
  };
  const kill = async (): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server?.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
    server = undefined;
  };
  const end = async (): Promise<void> => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  return { kill, start, end };
}

function logOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-2000);
  } catch {
    return 'it has written no log';
  }
}
