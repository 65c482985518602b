import { renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storagesAwaited, type AwaitedStorage } from '../../client/temporal/audit-waits.js';
import { placeOf } from '../../domain/configuration.js';
import { CONTROL_QUEUE } from '../../domain/names.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

test('an audit that a storage does not answer tells which storage that is, and why', async () => {
  await (await fabrica.start(smallProduction('asked'))).result();
  expect(await storagesAwaited(fabrica.client, 'asked')).toEqual([]);
  const storage = fabrica.configuration.storages.find(({ purpose }) => purpose === 'final');
  if (storage === undefined) throw new Error('there is no final storage');
  const root = placeOf(storage);
  renameSync(root, `${root}.away`);
  const audit = await fabrica.client.workflow.start('audit', {
    taskQueue: CONTROL_QUEUE,
    workflowId: 'production/asked/audit',
    args: [{ epoch: fabrica.catalog.epoch, production: 'asked' }],
  });
  let awaited: readonly AwaitedStorage[] = [];
  for (let i = 0; i < 300 && (awaited[0]?.failure ?? '') === ''; i++) {
    await sleep(100);
    awaited = await storagesAwaited(fabrica.client, 'asked');
  }
  expect(awaited).toEqual([
    {
      storage: storage.name,
      untakenSince: null,
      failure: expect.stringContaining(storage.name) as string,
    },
  ]);
  renameSync(`${root}.away`, root);
  expect(await audit.result()).toMatchObject({ passed: true });
}, 120_000);
