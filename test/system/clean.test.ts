import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fabrica as run } from '../client/cli/fabrica.js';
import { independentAudit } from './independent-audit.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem((standard) => ({
    ...standard,
    janitor: { ...standard.janitor, every: 5, sweepEvery: 5 },
  }));
});
afterAll(async () => {
  await fabrica.end();
});

const command = (...argv: string[]) =>
  run(['--state', fabrica.folder, '--json', ...argv], { cwd: fabrica.folder });
const audited = (production: string, state: string): Promise<void> =>
  independentAudit(path.join(fabrica.folder, 'catalog.db'), production, '--state', state);

test('a completed production is cleaned by its command, and nothing of it is left', async () => {
  const handle = await fabrica.start(smallProduction('old'));
  // Paused, so that it can not end meanwhile.
  await handle.signal('pause', 'not yet');
  await until(handle, (progress) => progress.state === 'Stopped');
  const early = await command('clean', 'old', '--yes');
  expect(early.code).toBe(1);
  expect(early.err).toContain('Cancel it first');
  await handle.signal('resume', 'now');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });

  const unasked = await command('clean', 'old');
  expect(unasked.code).toBe(2);
  expect(unasked.err).toContain('--yes');
  await audited('old', 'Completed');

  const { code, out } = await command('clean', 'old', '--yes', '--wait', '--why', 'superseded');
  expect(JSON.parse(out)).toMatchObject({
    state: 'Cleaned',
    reason: 'superseded',
    outcome: 'done',
  });
  expect(code).toBe(0);
  await audited('old', 'Cleaned');
  const again = await command('clean', 'old', '--yes');
  expect(JSON.parse(again.out)).toMatchObject({ state: 'Cleaned', outcome: 'already' });
}, 90_000);

test('a cancelled production is cleaned by a plain signal with start', async () => {
  const handle = await fabrica.start(
    smallProduction('given-up', { scouts: { jobs: 0 }, behaviour: 'sleep(300);' }),
  );
  await until(handle, (progress) => (progress.jobs.Done ?? 0) > 1);
  await handle.signal('cancel', 'not needed');
  expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
  await audited('given-up', 'Cancelled');
  const again = await fabrica.client.workflow.signalWithStart('production', {
    taskQueue: 'fabrica',
    workflowId: 'production/given-up',
    args: [{ production: 'given-up' }],
    signal: 'clean',
    signalArgs: [],
  });
  expect(await again.result()).toMatchObject({ state: 'Cleaned', reason: 'cleaned by temporal' });
  await audited('given-up', 'Cleaned');
}, 90_000);

test('the janitor runs by its schedule, and sweeps every storage', async () => {
  const swept = async () =>
    fabrica.catalog.read((db) =>
      db.selectFrom('sweeps').select(['storage', 'state']).where('state', '=', 'Done').execute(),
    );
  const all = fabrica.configuration.storages.length;
  const count = async () => new Set((await swept()).map(({ storage }) => storage)).size;
  for (const end = Date.now() + 60_000; Date.now() < end && (await count()) < all;) {
    await sleep(500);
  }
  expect(await count()).toBe(all);
  const runs = fabrica.client.workflow.list({
    query: `WorkflowType = 'janitor' and ExecutionStatus = 'Completed'`,
  });
  let scheduled = 0;
  for await (const one of runs) scheduled += Number(one.workflowId.startsWith('janitor/scheduled'));
  expect(scheduled).toBeGreaterThan(0);
  const findings = await fabrica.catalog.read((db) =>
    db.selectFrom('findings').selectAll().where('state', '=', 'Open').execute(),
  );
  expect(findings).toEqual([]);
}, 90_000);
