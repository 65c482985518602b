import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionTemplate } from '../../../client/definition-template.js';
import { systemClock } from '../../../domain/clock.js';
import { silentLog } from '../../../domain/log.js';
import { choosePort } from '../../../worker/ports.js';
import type { SupervisedProcess } from '../../../worker/supervised-process.js';
import { readUpRecord } from '../../../worker/up-record.js';
import { findTemporalBinary } from '../../../worker/temporal-binary.js';
import { TEMPORAL_HOST, temporalServer } from '../../../worker/temporal-server.js';
import { fabrica, spawnFabrica, type Ended } from './fabrica.js';

const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-nothing-runs-'));
let up: ReturnType<typeof spawnFabrica>;
let server: SupervisedProcess | null = null;

const run = (...argv: string[]): Promise<Ended> => fabrica(argv, { cwd: folder });

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { code, err, out } = await run(...argv, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

function write(name: string): void {
  const slow = definitionTemplate(name, 'ann').replace('for event in', 'sleep 60; for event in');
  writeFileSync(path.join(folder, `${name}.yaml`), slow);
}

async function endUp(): Promise<void> {
  if (up.exitCode !== null) return;
  const ended = new Promise((resolve) => up.once('close', resolve));
  up.kill('SIGTERM');
  await ended;
}

/** A server that no control process has ever polled. */
async function lonelyServer(): Promise<string> {
  const any = { asked: 0, preferred: 0, host: TEMPORAL_HOST, purpose: 'test' };
  const port = await choosePort(any);
  server = temporalServer({
    port,
    uiPort: await choosePort({ ...any, taken: [port] }),
    binary: (await findTemporalBinary({ env: process.env, log: silentLog })).path,
    namespace: 'default',
    databaseFile: path.join(folder, 'lonely.db'),
    logFile: path.join(folder, 'lonely.log'),
    clock: systemClock,
    log: silentLog,
  });
  await server.start();
  return `${TEMPORAL_HOST}:${port}`;
}

beforeAll(async () => {
  up = spawnFabrica(['up', '--port', '0', '--ui-port', '0', '--json'], { cwd: folder });
  await new Promise((resolve, reject) => {
    up.stdout.once('data', resolve);
    up.once('close', (code) => reject(new Error(`up ended with ${code ?? 'a signal'}`)));
  });
  for (const name of ['mumu', 'ee', 'tautau']) write(name);
}, 60_000);

afterAll(async () => {
  await endUp();
  await server?.stop(5000);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe('show and submit', () => {
  it('tell that every site is banned; submit succeeds all the same', async () => {
    for (const site of ['KMI', 'PNNL', 'UVic']) {
      await json('site', 'ban', site, '--why', 'CVMFS is broken', '--until', '2h');
    }
    const { code, err } = await run('submit', 'mumu.yaml');
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: Every site it may use is banned: KMI \(by .*site unban/m);
    const shown = async () => (await json('show', 'mumu')).waitsFor;
    const why =
      /jobs? waits?\. Every site it may use is banned: KMI \(by .* until .*: CVMFS is broken\)/;
    await expect.poll(shown, { timeout: 15_000, interval: 500 }).toMatch(why);
    expect((await json('show', 'mumu')).obstacles).toMatchObject([
      { kind: 'sites', resources: [{ name: 'KMI', state: 'Banned' }, {}, {}] },
    ]);
    const { out: explained } = await run('explain', 'mumu');
    expect(explained).toMatch(/^- Banned: KMI \(Banned by .* until .*: CVMFS is broken\)/m);
    const again = await json('submit', 'ee.yaml');
    expect(again).toMatchObject({
      outcome: 'registered',
      warnings: [expect.stringContaining('Every site')],
    });
    for (const site of ['KMI', 'PNNL', 'UVic']) await json('site', 'unban', site);
    await expect
      .poll(async () => (await json('show', 'mumu')).obstacles, { timeout: 15_000 })
      .toEqual([]);
  }, 60_000);

  it('explain tells that control does not answer, and then what the catalog knows', async () => {
    const up = readUpRecord(path.join(folder, '.fabrica'));
    const control = up?.children.find(({ name }) => name === 'control')?.pid;
    if (control === undefined) throw new Error('no control process runs');
    process.kill(control, 'SIGSTOP');
    try {
      const { because, sites } = await json('explain', 'mumu');
      expect((because as string[])[0]).toMatch(
        /^The control process does not answer: .*`fabrica doctor` tells more/,
      );
      expect((because as string[]).length).toBeGreaterThan(1);
      expect(sites).toHaveLength(3);
    } finally {
      process.kill(control, 'SIGCONT');
    }
    expect(((await json('explain', 'mumu')).because as string[])[0]).not.toContain('answer');
  }, 60_000);

  it('tell that nothing runs, and why', async () => {
    await endUp();
    const { out } = await run('show', 'mumu');
    expect(out).toContain('Nothing runs: no `fabrica up` runs on the state directory');
    expect((await json('show', 'mumu')).obstacles).toMatchObject([{ kind: 'processes' }]);

    const { because, sites } = await json('explain', 'mumu');
    expect((because as string[])[0]).toMatch(
      /^Nothing runs: no `fabrica up` runs .* Start `fabrica up`/,
    );
    expect(sites).toHaveLength(3);

    const address = await lonelyServer();
    const shown = await json('show', 'mumu', '--address', address);
    expect(shown.waitsFor).toContain('no control process polls');
    const { code, err, out: told } = await run('submit', 'tautau.yaml', '--address', address);
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toMatch(/^warning: Nothing runs: no control process polls .*fabrica up/m);
    expect(told).toContain('registered as soon as a control process runs');
    expect(await json('submit', 'tautau.yaml', '--address', address)).toMatchObject({
      outcome: 'started',
      state: null,
      workflowId: 'production/tautau',
    });
  }, 90_000);
});
