import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fabrica as run } from '../client/cli/fabrica.js';
import { independentAudit } from './independent-audit.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem((standard) => ({
    ...standard,
    janitor: { ...standard.janitor, every: 7200 },
  }));
});
afterAll(async () => {
  await fabrica.end();
});

const command = async (...argv: string[]): Promise<{ code: number | null; answer: unknown }> => {
  const { code, out, err } = await run(['--state', fabrica.folder, '--json', ...argv], {
    cwd: fabrica.folder,
  });
  return { code, answer: JSON.parse(out === '' ? err : out) };
};

test('the schedule of the janitor exists, as configured', async () => {
  const schedule = await fabrica.client.schedule.getHandle('fabrica/janitor').describe();
  expect(schedule.spec.intervals?.[0]?.every).toBe(7_200_000);
  expect(schedule.policies.overlap).toBe('SKIP');
  const { answer } = await command('doctor');
  expect(JSON.stringify(answer)).toContain('runs next at');
});

test('debts on a storage that went away are listed, asked for once a run, and paid when it is back', async () => {
  const handle = await fabrica.start(smallProduction('indebted'));
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const root = path.join(fabrica.folder, 'storages', 'KEK-DISK');
  const left = `/${fabrica.catalog.epoch}/belle/left`;
  mkdirSync(path.join(root, left, '..'), { recursive: true });
  writeFileSync(path.join(root, left), 'what a dead job has written');
  const database = new Database(path.join(fabrica.folder, 'catalog.db'));
  database
    .prepare(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       values (1, 1, 'KEK-DISK', ?, 'file', 'Debt', 'it did not answer', 1000)`,
    )
    .run(left);
  database.close();

  renameSync(root, `${root}-away`);
  const silent = await command('janitor');
  expect(silent.code).toBe(1);
  expect(JSON.stringify(silent.answer)).toContain('Bring the storage back');
  expect(silent.answer).toMatchObject({
    payments: [{ storage: 'KEK-DISK', paid: 0, refused: 0 }],
    sweeps: fabrica.configuration.storages.map(({ name }) => name).sort(),
  });
  expect((await command('debts', 'indebted', '--storage', 'KEK-DISK')).answer).toMatchObject({
    debts: [
      {
        ...{ production: 'indebted', storage: 'KEK-DISK', path: left, shape: 'file', tries: 1 },
        ...{ why: 'it did not answer', sinceAt: '1970-01-01T00:00:01.000Z' },
      },
    ],
    more: false,
  });
  expect(JSON.stringify((await command('doctor')).answer)).toContain('debts on KEK-DISK');
  expect((await command('debts', '--storage', 'KEK-TAPE')).code).toBe(2);

  renameSync(`${root}-away`, root);
  expect(await command('janitor')).toEqual({
    code: 0,
    answer: {
      payments: [{ storage: 'KEK-DISK', paid: 1, refused: 0, failure: '' }],
      // The first run has started them all.
      sweeps: [],
    },
  });
  expect(existsSync(path.join(root, left))).toBe(false);
  expect((await command('debts')).answer).toEqual({ debts: [], more: false });
  const catalogFile = path.join(fabrica.folder, 'catalog.db');
  await independentAudit(catalogFile, 'indebted', '--expect-events', '100', '--content', 'jsonl');
}, 120_000);
