import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fabrica, spawnFabrica } from './fabrica.js';

const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-doctor-'));
const processes: ReturnType<typeof spawnFabrica>[] = [];
/** The kernel lets nobody make a directory there, not even root. */
const READONLY = '/sys';
let address = '';

interface Finding {
  readonly check: string;
  readonly state: string;
  readonly text: string;
  readonly remedy: string;
}

async function findings(): Promise<{ code: number | null; of: (check: string) => Finding[] }> {
  const { code, err, out } = await fabrica(['doctor', '--json'], { cwd: folder });
  expect(out, err).not.toBe('');
  const answer = JSON.parse(out) as { findings: Finding[] };
  return { code, of: (check) => answer.findings.filter((one) => one.check === check) };
}

/** Starts a command that serves, and gives its answer. */
async function served(cwd: string, ...argv: string[]): Promise<Record<string, unknown>> {
  const child = spawnFabrica([...argv, '--json'], { cwd });
  processes.push(child);
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.endsWith('}\n')) resolve(JSON.parse(out) as Record<string, unknown>);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code ?? 'a signal'}: ${err}`)));
  });
}

beforeAll(async () => {
  mkdirSync(path.join(folder, 'gone'));
  writeFileSync(
    path.join(folder, 'fabrica.yaml'),
    `temporal: {port: 0, uiPort: 0}
areas: [asia]
sites:
  - {name: KMI, area: asia, slots: 3, storages: [TMP, DISK, READONLY, GONE]}
storages:
  - {name: TMP, kind: directory, area: asia, root: .fabrica/tmp, purpose: temporary}
  - {name: DISK, kind: directory, area: asia, root: .fabrica/disk, purpose: final}
  - {name: READONLY, kind: directory, area: asia, root: ${READONLY}, purpose: temporary}
  - {name: GONE, kind: directory, area: asia, root: ${path.join(folder, 'gone')}, purpose: temporary}
`,
  );
  writeFileSync(
    path.join(folder, 'bad.yaml'),
    `name: bad
dataset: {campaign: MC1, release: r1, globalTag: G1, experiment: 1003, eventType: mumu}
events: 20
fabrication: {command: ["false", "{seed}"], outputs: [{file: out.root}], eventsPerJob: 10}
scouts: {jobs: 0}
retries: {attempts: 1, backoff: 0.1}
distribution: {copies: 1}
`,
  );
  address = String((await served(folder, 'up')).address);
}, 60_000);

afterAll(async () => {
  await Promise.all(
    processes.reverse().map(async (child) => {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await ended;
    }),
  );
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe('fabrica doctor', () => {
  it('finds storages that can not be written, by writing', async () => {
    rmSync(path.join(folder, 'gone'), { recursive: true });
    const { code, of } = await findings();
    expect(code).toBe(1);
    expect(of('storage DISK')).toMatchObject([{ state: 'ok' }]);
    expect(of('storage GONE')).toMatchObject([
      { state: 'FAIL', remedy: expect.stringContaining('Bring the storage back') as string },
    ]);
    if (process.platform !== 'linux') return;
    expect(of('storage READONLY')).toMatchObject([
      {
        state: 'FAIL',
        text: expect.stringContaining('refuses') as string,
        remedy: expect.stringMatching(/Make its root writable .* Its root is \/sys\./) as string,
      },
    ]);
  }, 60_000);

  it('lists bans with whose they are, and takes them off the list', async () => {
    expect((await findings()).of('bans')).toMatchObject([{ state: 'ok' }]);
    const ban = ['site', 'ban', 'KMI', '--why', 'CVMFS is broken', '--until', '2h'];
    expect((await fabrica(ban, { cwd: folder })).code).toBe(0);
    const { of } = await findings();
    expect(of('bans')).toEqual([]);
    expect(of('ban of site KMI')).toMatchObject([
      {
        state: 'warn',
        text: expect.stringMatching(/^by \S+@\S+ until .*: CVMFS is broken$/) as string,
        remedy: expect.stringContaining('fabrica site unban KMI') as string,
      },
    ]);
    expect((await fabrica(['site', 'unban', 'KMI'], { cwd: folder })).code).toBe(0);
    expect((await findings()).of('bans')).toMatchObject([{ state: 'ok' }]);
  }, 120_000);

  it('lists productions with parked jobs and what helps', async () => {
    expect((await findings()).of('productions')).toMatchObject([{ state: 'ok' }]);
    expect((await fabrica(['submit', 'bad.yaml'], { cwd: folder })).code).toBe(0);
    const found = async () => (await findings()).of('production bad');
    await expect.poll(found, { timeout: 30_000, interval: 1000 }).toMatchObject([
      {
        state: 'warn',
        text: expect.stringMatching(/^(Active|Held), 2 jobs parked/) as string,
        remedy: expect.stringMatching(/failures bad.*release bad.*waive bad/) as string,
      },
    ]);
  }, 60_000);

  it('tells that somebody keeps the catalog from being changed', async () => {
    expect((await findings()).of('catalog lock')).toMatchObject([{ state: 'ok' }]);
    const other = new Database(path.join(folder, '.fabrica', 'catalog.db'), { timeout: 5000 });
    other.exec('begin immediate');
    try {
      const { code, of } = await findings();
      expect(code).toBe(1);
      expect(of('catalog lock')).toMatchObject([
        { state: 'FAIL', text: expect.stringContaining('locked it for writing') as string },
      ]);
    } finally {
      other.exec('rollback');
      other.close();
    }
  }, 60_000);

  it('warns of two control processes with different catalogs on one queue', async () => {
    expect((await findings()).of('control catalogs')).toMatchObject([{ state: 'ok' }]);
    const elsewhere = path.join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    await served(folder, '--state', elsewhere, '--address', address, 'worker', 'control');
    expect((await findings()).of('control catalogs')).toMatchObject([
      { state: 'warn', text: expect.stringContaining('2 different catalogs') as string },
    ]);
  }, 60_000);
});
