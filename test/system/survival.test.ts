import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterEach, expect, test } from 'vitest';
import { readUpRecord } from '../../worker/up-record.js';
import { independentAudit } from './independent-audit.js';
import { smallProduction, until } from './running-system.js';

const FABRICA = path.resolve('dist/client/cli/main.js');
const EVENTS = 1200;

const folders: string[] = [];
const running: ChildProcess[] = [];
afterEach(async () => {
  for (const process of running.splice(0)) {
    if (process.exitCode !== null || process.signalCode !== null) continue;
    const gone = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGTERM');
    await gone;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Up {
  readonly process: ChildProcess;
  readonly client: Client;
  readonly close: () => Promise<void>;
}

/** `fabrica up` as a process, ready to work. */
async function startUp(state: string): Promise<Up> {
  const child = spawn(
    process.execPath,
    [FABRICA, '--state', state, 'up', '--port', '0', '--ui-port', '0'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.push(child);
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
async function killEverything(state: string, up: Up, jobs: boolean): Promise<void> {
  await up.close();
  const children = readUpRecord(state)?.children.map((child) => child.pid) ?? [];
  up.process.removeAllListeners('exit');
  for (const pid of [up.process.pid ?? 0, ...children]) process.kill(pid, 'SIGKILL');
  if (jobs) await promisify(execFile)('pkill', ['-KILL', '-f', state]).catch(() => undefined);
  await sleep(500);
}

const standard = smallProduction('survivor', {
  events: EVENTS,
  behaviour: `sleep(400); if (attempt === 1 && job % 7 === 0) process.exit(3);`,
  scouts: { jobs: 4 },
});
const definition = { ...standard, merge: { ...standard.merge, targetEvents: 300 } };

async function interrupted(state: string, jobs: boolean): Promise<Up> {
  const up = await startUp(state);
  const handle = await up.client.workflow.start('production', {
    taskQueue: 'fabrica',
    workflowId: 'production/survivor',
    args: [{ definition, by: 'test' }],
  });
  await until(handle, (progress) => (progress.jobs.Done ?? 0) >= 20, 40);
  await killEverything(state, up, jobs);
  return up;
}

/** The production ends as if nothing had happened. */
async function finishes(state: string, up: Up): Promise<void> {
  const result: unknown = await up.client.workflow.getHandle('production/survivor').result();
  expect(result).toMatchObject({ state: 'Completed' });
  await up.close();
  const asked = ['--expect-events', String(EVENTS), '--content', 'jsonl'];
  await independentAudit(path.join(state, 'catalog.db'), 'survivor', ...asked);
}

test.each([
  ['the jobs live on and are adopted', false],
  ['the jobs die as well and run again', true],
])(
  'after a SIGKILL of everything the next `up` finishes the production: %s',
  async (_, jobs) => {
    const state = mkdtempSync(path.join(tmpdir(), 'fabrica-survival-'));
    folders.push(state);
    await interrupted(state, jobs);

    const up = await startUp(state);
    await finishes(state, up);
  },
  150_000,
);

test('after the loss of the Temporal state `fabrica recover` finishes the production', async () => {
  const state = mkdtempSync(path.join(tmpdir(), 'fabrica-survival-'));
  folders.push(state);
  await interrupted(state, false);
  for (const end of ['', '-wal', '-shm'])
    rmSync(path.join(state, `temporal.db${end}`), { force: true });

  const up = await startUp(state);
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[FABRICA, '--state', state, '--json', 'recover'],
  ]);
  expect(stdout).toContain('survivor');
  await finishes(state, up);
}, 150_000);
