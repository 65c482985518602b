import { messageOf } from '../../domain/errors.js';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../domain/clock.js';
import { silentLog } from '../../domain/log.js';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.js';
import { proveFairness } from '../../worker/fairness.js';
import {
  adoptNamespace,
  registerSearchAttributes,
  retentionOf,
  setRetention,
} from '../../worker/namespace.js';
import { choosePort } from '../../worker/ports.js';
import { identityOf, isAlive } from '../../worker/process-identity.js';
import type { SupervisedProcess } from '../../worker/supervised-process.js';
import { findTemporalBinary } from '../../worker/temporal-binary.js';
import { DYNAMIC_CONFIG, TEMPORAL_HOST, temporalServer } from '../../worker/temporal-server.js';
import type { TemporalServerOptions } from '../../worker/temporal-server.js';
import { RecordingLog } from './recording-log.js';

const NAMESPACE = 'fabrica-test';
const DAYS = 86_400;

let folder: string;
let binary: string;
const servers: SupervisedProcess[] = [];
const connections: Connection[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-temporal-'));
  binary = (await findTemporalBinary({ env: process.env, log: silentLog })).path;
}, 60_000);

afterAll(async () => {
  await Promise.all(connections.map(async (connection) => connection.close()));
  await Promise.all(servers.map(async (server) => server.stop(5000)));
  rmSync(folder, { recursive: true, force: true });
});

async function options(database: string): Promise<TemporalServerOptions> {
  const any = { asked: 0, preferred: 0, host: TEMPORAL_HOST };
  const port = await choosePort({ ...any, purpose: 'test' });
  const uiPort = await choosePort({ ...any, purpose: 'test', taken: [port] });
  return {
    binary,
    port,
    uiPort,
    namespace: NAMESPACE,
    databaseFile: path.join(folder, `${database}.db`),
    logFile: path.join(folder, `${database}.log`),
    clock: systemClock,
    log: silentLog,
  };
}

function server(settings: TemporalServerOptions): SupervisedProcess {
  const one = temporalServer(settings);
  servers.push(one);
  return one;
}

const endpoint = ({ port }: TemporalServerOptions) => ({
  address: `${TEMPORAL_HOST}:${port}`,
  namespace: NAMESPACE,
});

async function clientOf(settings: TemporalServerOptions): Promise<Client> {
  const connection = await Connection.connect({ address: endpoint(settings).address });
  connections.push(connection);
  return new Client({ connection, namespace: NAMESPACE });
}

const at = (client: Client) => ({
  connection: client.connection as Connection,
  namespace: NAMESPACE,
  log: silentLog,
});

/** The options of a server that has started; the port that was free may be taken meanwhile, then it is another one, as with `up`. */
async function startedServer(name: string): ReturnType<typeof options> {
  for (let tries = 1; ; tries++) {
    const settings = await options(name);
    try {
      await server(settings).start();
      return settings;
    } catch (error) {
      if (tries === 3 || !messageOf(error).includes('address already in use')) throw error;
    }
  }
}

describe('the own Temporal server', () => {
  it('keeps retention, search attributes and workflows over a restart, and is fair', async () => {
    const settings = await options('kept');
    const first = server(settings);
    await first.start();
    const before = await clientOf(settings);
    expect(await retentionOf(at(before))).toBe(1 * DAYS);
    await setRetention(at(before), 90 * DAYS);
    await before.workflow.start('nobody', { workflowId: 'w', taskQueue: 'q' });
    expect(await proveFairness(endpoint(settings))).toMatchObject({ fair: true });
    const identity = identityOf(first.pid ?? 0);
    await first.stop(10_000);
    expect(identity !== null && isAlive(identity)).toBe(false);

    await server(settings).start();
    const after = await clientOf(settings);
    expect(await retentionOf(at(after))).toBe(90 * DAYS);
    expect((await after.workflow.getHandle('w').describe()).status.name).toBe('RUNNING');
    const { customAttributes } = await after.connection.operatorService.listSearchAttributes({
      namespace: NAMESPACE,
    });
    expect(Object.keys(customAttributes)).toEqual(
      expect.arrayContaining(SEARCH_ATTRIBUTES.map(({ name }) => name)),
    );
  }, 30_000);

  it('never keeps finished workflows for less than 30 days', async () => {
    const settings = await options('short');
    await server(settings).start();
    const client = await clientOf(settings);
    await setRetention(at(client), 5);
    expect(await retentionOf(at(client))).toBe(30 * DAYS);
  }, 20_000);

  it('is found unfair when fairness is not switched on', async () => {
    const dynamicConfig = { ...DYNAMIC_CONFIG, 'matching.enableFairness': false };
    const settings = { ...(await options('unfair')), dynamicConfig };
    await server(settings).start();
    const proof = await proveFairness(endpoint(settings));
    expect(proof.fair).toBe(false);
    expect(proof.evidence).toContain('at the places 25, 26, 27, 28, 29, 30, 31, 32 of 32');
  }, 20_000);

  it('tells the end of its log when it can not start', async () => {
    const settings = await options('broken');
    const broken = server({ ...settings, databaseFile: path.join(folder, 'no', 'such', 'folder') });
    await expect(broken.start()).rejects.toMatchObject({
      code: 'FABRICA_TEMPORAL_UNREACHABLE',
      message: expect.stringContaining('no/such: no such file') as string,
    });
    expect(readFileSync(settings.logFile, 'utf8')).not.toBe('');
  }, 20_000);

  it('is started again on the same port after it was killed', async () => {
    const settings = await options('killed');
    const one = server(settings);
    await one.start();
    const killed = one.pid ?? 0;
    process.kill(killed, 'SIGKILL');
    await expect.poll(() => one.pid, { timeout: 5000 }).not.toBe(killed);
    await expect
      .poll(async () => (await clientOf(settings)).options.namespace, { timeout: 9000 })
      .toBe(NAMESPACE);
  }, 20_000);
});

describe('a server that is not ours', () => {
  it('is never taken for our own when it has the port first', async () => {
    const first = await options('first-on-the-port');
    await server(first).start();
    const second = { ...(await options('second-on-the-port')), port: first.port };
    await expect(server(second).start()).rejects.toThrow('address already in use');
  }, 20_000);

  it('gets the search attributes that it lacks, once', async () => {
    const settings = await startedServer('foreign');
    const client = await clientOf(settings);
    const namespace = 'foreign';
    await client.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 3 * DAYS } as never,
    });
    const log = new RecordingLog();
    const foreign = { connection: client.connection as Connection, namespace, log };
    await expect
      .poll(async () => retentionOf(foreign).catch(() => 0), { timeout: 12_000 })
      .toBe(3 * DAYS);
    await adoptNamespace(foreign);
    expect(log.messages('warn')).toEqual([expect.stringContaining('less than 30 days')]);
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
      namespace,
    });
    expect(customAttributes).toMatchObject({ FabricaPriority: 3, FabricaState: 2 });
    await registerSearchAttributes(foreign);
    expect(log.messages('warn')).toHaveLength(1);
  }, 20_000);

  it('that does not answer, is no proof of fairness', async () => {
    const proof = await proveFairness({ address: '127.0.0.1:1', namespace: NAMESPACE }, 300);
    expect(proof.fair).toBe(false);
    expect(proof.evidence).toContain('could not be watched');
  }, 10_000);
});
