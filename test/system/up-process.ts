import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { TestContext } from 'vitest';
import { readUpRecord } from '../../worker/up-record.js';
import { FABRICA } from './program.js';

export { fabrica } from './program.js';

/** What has been started, by its state directory: tests run side by side. */
const running = new Map<string, ChildProcess[]>();

/** A state directory that is removed after the test, when what runs on it has ended. */
export function stateDirectory({ onTestFinished }: TestContext): string {
  const state = mkdtempSync(path.join(tmpdir(), 'fabrica-survival-'));
  running.set(state, []);
  onTestFinished(async () => {
    for (const process of running.get(state) ?? []) {
      if (process.exitCode !== null || process.signalCode !== null) continue;
      const gone = new Promise((resolve) => process.once('exit', resolve));
      process.kill('SIGTERM');
      await gone;
    }
    running.delete(state);
    rmSync(state, { recursive: true, force: true });
  }, 60_000);
  return state;
}

export interface Up {
  readonly process: ChildProcess;
  readonly client: Client;
  readonly close: () => Promise<void>;
}

/** `fabrica up` as a process, ready to work. */
export async function startUp(state: string): Promise<Up> {
  const child = spawn(
    process.execPath,
    [FABRICA, '--state', state, 'up', '--port', '0', '--ui-port', '0'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.get(state)?.push(child);
  await new Promise<void>((resolve, reject) => {
    let told = '';
    child.stdout.on('data', (text: Buffer) => {
      told += text.toString();
      if (told.includes('Ctrl-C') || told.includes('fabrica submit')) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`fabrica up ended: ${told}`));
    });
  });
  const address = readUpRecord(state)?.address ?? '';
  const connection = await Connection.connect({ address });
  return {
    process: child,
    client: new Client({ connection }),
    close: () => connection.close(),
  };
}

/** SIGKILL for `up` and everything it has started; with `jobs` the wrappers and payloads as well. */
export async function killEverything(state: string, up: Up, jobs: boolean): Promise<void> {
  await up.close();
  const children = readUpRecord(state)?.children.map((child) => child.pid) ?? [];
  up.process.removeAllListeners('exit');
  for (const pid of [up.process.pid ?? 0, ...children]) process.kill(pid, 'SIGKILL');
  if (jobs) await promisify(execFile)('pkill', ['-KILL', '-f', state]).catch(() => undefined);
  await sleep(500);
}
