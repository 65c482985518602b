import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SweepReport } from '../../domain/sweep.js';
import { fabrica as run } from '../client/cli/fabrica.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem((standard) => ({
    ...standard,
    // Nothing is spared for its age: what is spared is known to be on its way.
    janitor: { ...standard.janitor, minimumAge: 0.001 },
  }));
});
afterAll(async () => {
  await fabrica.end();
});

interface Answer {
  readonly sweeps: readonly SweepReport[];
  readonly findings: readonly {
    storage: string;
    path: string;
    kind: string;
    state: string;
    remedy: string;
  }[];
}

async function sweep(...argv: string[]): Promise<Answer & { code: number | null }> {
  const { code, err, out } = await run(['--state', fabrica.folder, '--json', 'sweep', ...argv], {
    cwd: fabrica.folder,
  });
  if (out === '') throw new Error(err);
  return { code, ...(JSON.parse(out) as Answer) };
}

const at = (storage: string, file = ''): string =>
  path.join(fabrica.folder, 'storages', storage, file);
/** The final files on a storage, in order. */
async function finalFiles(storage: string): Promise<string[]> {
  const rows = await fabrica.catalog.read((db) =>
    db
      .selectFrom('replicas')
      .innerJoin('files', 'files.id', 'replicas.file_id')
      .select('replicas.path')
      .where('replicas.storage', '=', storage)
      .where('files.kind', '=', 'merged')
      .orderBy('replicas.path')
      .execute(),
  );
  return rows.map((row) => row.path);
}

test('sweeps during a running production find nothing wrong', async () => {
  const handle = await fabrica.start(
    smallProduction('busy', {
      events: 400,
      behaviour: `sleep(150); if (attempt === 1 && job % 5 === 0) process.exit(3);`,
    }),
  );
  await until(handle, (progress) => progress.state === 'Active');
  let sweeps = 0;
  const ended = handle.result().then(() => true);
  while (!(await Promise.race([ended, Promise.resolve(false)]))) {
    const { code, findings, sweeps: reports } = await sweep();
    expect(findings).toEqual([]);
    expect(reports.map(({ failure }) => failure).join('')).toBe('');
    expect(code).toBe(0);
    sweeps++;
  }
  expect(sweeps).toBeGreaterThan(1);
  await fabrica.audit('busy', 400);
}, 120_000);

test('dark, lost and damaged files are found, told, and repaired', async () => {
  const storages = ['KEK-DISK', 'KMI-DISK'];
  const files = (await Promise.all(storages.map(finalFiles))).map((list) => list[0] ?? '');
  const [lost = '', damaged = ''] = files;
  rmSync(at('KEK-DISK', lost));
  const content = readFileSync(at('KMI-DISK', damaged), 'utf8');
  writeFileSync(at('KMI-DISK', damaged), content.replace('1', '2'));
  const dark = `${path.dirname(damaged)}/.part-left`;
  writeFileSync(at('KMI-DISK', dark), 'what a dead job has written');
  const odd = `${path.dirname(damaged)}/in two\nlines`;
  writeFileSync(at('KMI-DISK', odd), 'a name that no storage would be given');
  mkdirSync(at('KMI-DISK', 'others'));
  writeFileSync(at('KMI-DISK', 'others/data'), 'not ours');

  const found = await sweep('--checksums');
  expect(found.code).toBe(1);
  const told = found.findings.map((one) => [
    one.storage,
    one.path,
    one.kind,
    one.state,
    one.remedy,
  ]);
  expect(told).toHaveLength(4);
  expect(told).toEqual(
    expect.arrayContaining([
      ['KEK-DISK', lost, 'missing', 'Open', 'copy'],
      ['KMI-DISK', damaged, 'checksum', 'Open', 'copy'],
      ['KMI-DISK', dark, 'dark', 'Open', 'remove'],
      ['KMI-DISK', odd, 'dark', 'Open', 'remove'],
    ]),
  );
  expect(found.sweeps.find(({ storage }) => storage === 'KMI-DISK')?.foreign).toBe(1);
  expect(existsSync(at('KEK-DISK', lost))).toBe(false);
  await expect(fabrica.audit('busy', 400)).rejects.toThrow();

  const repaired = await sweep('--checksums', '--repair');
  expect(repaired.code).toBe(0);
  expect(new Set(repaired.findings.map(({ state }) => state))).toEqual(new Set(['Repaired']));
  expect(repaired.findings).toHaveLength(4);
  expect(existsSync(at('KMI-DISK', dark))).toBe(false);
  expect(existsSync(at('KMI-DISK', odd))).toBe(false);
  expect(readFileSync(at('KMI-DISK', damaged), 'utf8')).toBe(content);
  expect(readFileSync(at('KMI-DISK', 'others/data'), 'utf8')).toBe('not ours');
  rmSync(at('KMI-DISK', 'others'), { recursive: true });
  await fabrica.audit('busy', 400);
  expect((await sweep('--checksums')).findings).toEqual([]);
}, 120_000);

test('a file of which no good copy is left is made again by its jobs', async () => {
  const [file = ''] = await finalFiles('KEK-DISK');
  const copies = await fabrica.catalog.read((db) =>
    db.selectFrom('replicas').select('storage').where('path', '=', file).execute(),
  );
  for (const { storage } of copies) rmSync(at(storage, file));
  const { code, findings } = await sweep('--repair');
  expect(code).toBe(0);
  expect(findings.filter(({ path: one }) => one === file)).toHaveLength(copies.length);
  const handle = fabrica.client.workflow.getHandle('production/busy');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('busy', 400);
}, 120_000);

test('a storage that went away ends its sweep with the reason; one that is suddenly empty is not believed', async () => {
  renameSync(at('KEK-DISK'), at('KEK-DISK-away'));
  const silent = await sweep('--storage', 'KEK-DISK', '--repair');
  expect(silent.code).toBe(1);
  expect(silent.sweeps[0]?.failure).toContain('Bring the storage back');
  expect(silent.findings).toEqual([]);

  // The mount point of a disk that is not mounted.
  mkdirSync(at('KEK-DISK'));
  const empty = await sweep('--storage', 'KEK-DISK', '--repair');
  expect(empty.code).toBe(1);
  expect(empty.sweeps[0]?.failure).toContain('--believe-lost');
  expect(empty.findings.map(({ state }) => state)).not.toContain('Repaired');
  rmSync(at('KEK-DISK'), { recursive: true });

  renameSync(at('KEK-DISK-away'), at('KEK-DISK'));
  const back = await sweep('--storage', 'KEK-DISK', '--repair');
  expect(back).toMatchObject({ code: 0, findings: [] });
  await fabrica.audit('busy', 400);
}, 120_000);
