import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../domain/clock.js';
import { silentLog } from '../../../domain/log.js';
import { choosePort } from '../../../worker/ports.js';
import type { SupervisedProcess } from '../../../worker/supervised-process.js';
import { findTemporalBinary } from '../../../worker/temporal-binary.js';
import { TEMPORAL_HOST, temporalServer } from '../../../worker/temporal-server.js';
import { fabrica, spawnFabrica } from './fabrica.js';

let folder: string;
let server: SupervisedProcess;
let address: string;
const workers: ReturnType<typeof spawnFabrica>[] = [];

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-alone-'));
  const any = { asked: 0, preferred: 0, host: TEMPORAL_HOST, purpose: 'test' };
  const port = await choosePort(any);
  address = `${TEMPORAL_HOST}:${port}`;
  server = temporalServer({
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
}, 60_000);

afterEach(async () => {
  for (const worker of workers.splice(0)) {
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGTERM');
    await gone;
  }
  await server.stop(5000);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Starts a part of the system on a state directory that is not there yet, and waits until it polls. */
async function worker(...argv: string[]): Promise<void> {
  const state = path.join(folder, 'state');
  const child = spawnFabrica(['--state', state, '--address', address, 'worker', ...argv], {
    cwd: folder,
  });
  workers.push(child);
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
}

it('control and site workers alone run a production on a server that somebody else has started', async () => {
  await worker('control');
  await worker('site', 'KMI', 'PNNL', 'UVic');
  const definition = path.resolve('examples/quickstart/production.yaml');
  const ended = await fabrica(
    [
      ...['--state', path.join(folder, 'state'), '--address', address],
      ...['submit', definition, '--wait'],
    ],
    { cwd: folder },
  );
  expect(ended.out).toContain('Completed: 12000 of 12000 events');
  expect(ended.code).toBe(0);
}, 120_000);
