import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../domain/clock.js';
import { configurationSchema } from '../../domain/configuration.js';
import type { Configuration } from '../../domain/configuration.js';
import { silentLog } from '../../domain/log.js';
import { endLeftovers } from '../../worker/leftovers.js';
import { choosePort } from '../../worker/ports.js';
import { isAlive } from '../../worker/process-identity.js';
import type { SupervisedProcess } from '../../worker/supervised-process.js';
import { findTemporalBinary } from '../../worker/temporal-binary.js';
import { TEMPORAL_HOST, temporalServer } from '../../worker/temporal-server.js';
import { readUpRecord } from '../../worker/up-record.js';
import type { RecordedChild } from '../../worker/up-record.js';
import { up } from '../../worker/up.js';
import type { RunningSystem, UpOptions } from '../../worker/up.js';
import { builtFile } from '../../worker/built-files.js';
import { RecordingLog } from './recording-log.js';
import { temporaryFolder } from './temporary-folder.js';
import { exit, message, nodeProcess } from './test-process.js';

/** `fabrica up` in a process of its own: it tells that it serves, and ends when it is stopped. */
const UP = `
  import { up } from MODULE(worker/up.js);
  import { listenForStop } from MODULE(worker/stop-signals.js);
  const { stop, force } = listenForStop();
  const clock = { now: () => Date.now() };
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: console.error, error: console.error };
  const system = await up({ ...JSON.parse(process.argv[1]), env: process.env, clock, log, stop, force });
  process.send(system.address);
  await system.ended;
  process.exit(0);
`;

const CHILDREN = ['control', 'site GRAZ', 'temporal'];
const running: RunningSystem[] = [];
const servers: SupervisedProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (system) => system.stop()));
  await Promise.all(servers.splice(0).map(async (server) => server.stop(5000)));
  for (const folder of folders.splice(0)) {
    const left = childrenOf(folder).filter(isAlive);
    await endLeftovers(left, { log: new RecordingLog() });
    expect(left).toEqual([]);
  }
});

function settings(): { configuration: Configuration; stateDirectory: string; catalogFile: string } {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  folders.push(stateDirectory);
  const storage = (name: string, purpose: string) => ({
    ...{ name, purpose, area: 'EU', kind: 'directory' },
    root: path.join(stateDirectory, 'storages', name),
  });
  const configuration = configurationSchema.parse({
    state: stateDirectory,
    temporal: { port: 0, uiPort: 0 },
    areas: ['EU'],
    sites: [{ name: 'GRAZ', area: 'EU', slots: 2, storages: ['GRAZ-TMP'] }],
    storages: [storage('GRAZ-TMP', 'temporary'), storage('TAPE', 'final')],
  });
  return { configuration, stateDirectory, catalogFile: path.join(stateDirectory, 'catalog.db') };
}

function childrenOf(stateDirectory: string): readonly RecordedChild[] {
  return readUpRecord(stateDirectory)?.children ?? [];
}

const namesOf = (children: readonly RecordedChild[]) => children.map(({ name }) => name).sort();

async function start(options: Partial<UpOptions> & ReturnType<typeof settings>) {
  const log = new RecordingLog();
  const childEntry = builtFile('program/process.js');
  const shared = { env: process.env, clock: systemClock, log, childEntry };
  const system = await up({ ...shared, ...options });
  running.push(system);
  return { system, log };
}

/** The queues among these that somebody polls for activities. */
async function polled(address: string, queues: readonly string[]): Promise<string[]> {
  const connection = await Connection.connect({ address });
  const { workflowService } = new Client({ connection });
  const answers = await Promise.all(
    queues.map(async (name) => {
      const answer = await workflowService.describeTaskQueue({
        namespace: 'default',
        taskQueue: { name },
        taskQueueType: 2,
      });
      return answer.pollers.length > 0;
    }),
  );
  await connection.close();
  return queues.filter((_, i) => answers[i]);
}

async function givenServer(): Promise<{ server: SupervisedProcess; address: string }> {
  const any = { asked: 0, preferred: 0, host: TEMPORAL_HOST, purpose: 'test' };
  const port = await choosePort(any);
  const folder = temporaryFolder();
  const server = temporalServer({
    port,
    uiPort: await choosePort({ ...any, taken: [port] }),
    binary: (await findTemporalBinary({ env: process.env, log: silentLog })).path,
    namespace: 'default',
    databaseFile: path.join(folder, 'temporal.db'),
    logFile: path.join(folder, 'temporal.log'),
    clock: systemClock,
    log: silentLog,
  });
  servers.push(server);
  await server.start();
  return { server, address: `${TEMPORAL_HOST}:${port}` };
}

describe('up', () => {
  it('serves all queues, is fair, starts a killed worker again, and leaves nothing when stopped', async () => {
    const options = settings();
    const { system, log } = await start(options);
    expect(system.fairness).toMatchObject({ fair: true });
    expect((await fetch(system.uiUrl ?? '')).status).toBe(200);
    const all = ['fabrica', 'site.GRAZ', 'site.GRAZ.io', 'se.GRAZ-TMP', 'se.TAPE'];
    await expect.poll(async () => polled(system.address, all), { timeout: 5000 }).toEqual(all);
    expect(readUpRecord(options.stateDirectory)).toMatchObject({
      pid: process.pid,
      address: system.address,
      uiUrl: system.uiUrl,
    });
    const before = childrenOf(options.stateDirectory);
    expect(namesOf(before)).toEqual(CHILDREN);

    const control = before.find(({ name }) => name === 'control');
    process.kill(control?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => log.messages('info'), { timeout: 10_000 }).toContain('it runs again');
    const after = childrenOf(options.stateDirectory);
    expect(namesOf(after)).toEqual(CHILDREN);
    await system.stop();
    await system.ended;
    expect([...before, ...after].filter(isAlive)).toEqual([]);
    expect(readUpRecord(options.stateDirectory)).toBeNull();
  }, 40_000);

  it('killed, leaves a server that the next one replaces; workers end by themselves', async () => {
    const options = settings();
    const first = nodeProcess(UP, JSON.stringify(options));
    await message(first);
    const left = childrenOf(options.stateDirectory);
    expect(namesOf(left)).toEqual(CHILDREN);
    await expect(start(options)).rejects.toMatchObject({ code: 'FABRICA_STATE_IN_USE' });
    first.kill('SIGKILL');
    await exit(first);
    const alive = () => left.filter(isAlive).map(({ name }) => name);
    await expect.poll(alive, { timeout: 15_000 }).toEqual(['temporal']);

    const { system } = await start(options);
    expect(alive()).toEqual([]);
    expect(namesOf(childrenOf(options.stateDirectory))).toEqual(CHILDREN);
    await system.stop();
  }, 40_000);

  it('ends in order on SIGTERM', async () => {
    const options = settings();
    const process = nodeProcess(UP, JSON.stringify(options));
    await message(process);
    const children = childrenOf(options.stateDirectory);
    process.kill('SIGTERM');
    expect(await exit(process)).toBeNull();
    expect(process.exitCode).toBe(0);
    expect(children.filter(isAlive)).toEqual([]);
    expect(readUpRecord(options.stateDirectory)).toBeNull();
    const log = readFileSync(path.join(options.stateDirectory, 'logs', 'control.log'), 'utf8');
    expect(log).toContain('"message":"ended"');
  }, 30_000);

  it('tells why a worker can not start, and leaves nothing', async () => {
    const options = settings();
    mkdirSync(options.catalogFile, { recursive: true });
    await expect(start(options)).rejects.toMatchObject({
      code: expect.stringMatching(/^FABRICA_CATALOG_/) as string,
    });
    expect(readUpRecord(options.stateDirectory)).toBeNull();
  }, 30_000);

  it('that is stopped while it starts, leaves nothing', async () => {
    const options = settings();
    const stop = new AbortController();
    const starting = start({ ...options, stop: stop.signal });
    starting.catch(() => undefined);
    await expect
      .poll(() => childrenOf(options.stateDirectory).length, { timeout: 9000 })
      .not.toBe(0);
    stop.abort();
    await expect(starting).rejects.toBe(stop.signal.reason);
    expect(readUpRecord(options.stateDirectory)).toBeNull();
  }, 30_000);

  it('uses a server that is given, and ends without it', async () => {
    const given = await givenServer();
    const options = settings();
    const { address } = given;
    const temporal = { ...options.configuration.temporal, address };
    const configuration = { ...options.configuration, temporal };
    const { system } = await start({ ...options, configuration });
    expect(system).toMatchObject({ address, uiUrl: null });
    expect(namesOf(childrenOf(options.stateDirectory))).toEqual(['control', 'site GRAZ']);
    await system.stop();
    await expect(polled(address, ['fabrica'])).resolves.toBeDefined();
    await given.server.stop(5000);
  }, 40_000);
});
