import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestOf, type ProductionRequest } from '../../client/temporal/request.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

const ask = (name: string, request: Omit<ProductionRequest, 'who' | 'why'>) =>
  requestOf(
    name,
    { who: 'me@here', why: 'a test', ...request },
    {
      client: fabrica.client,
      catalog: fabrica.catalog,
      tell: () => undefined,
    },
  );

const attempts = async (production: string): Promise<Map<number, number>> => {
  const rows = await fabrica.catalog.read((db) =>
    db
      .selectFrom('jobs')
      .innerJoin('productions', 'productions.id', 'jobs.production_id')
      .select(['jobs.number', 'jobs.attempt'])
      .where('productions.name', '=', production)
      .where('jobs.kind', '<>', 'merge')
      .orderBy('jobs.number')
      .execute(),
  );
  return new Map(rows.map((row) => [row.number, row.attempt]));
};

/** Where the merged files of a production lie, and from which jobs they were made. */
const merged = (production: string) =>
  fabrica.catalog.read((db) =>
    db
      .selectFrom('replicas as r')
      .innerJoin('files as f', 'f.id', 'r.file_id')
      .innerJoin('productions as p', 'p.id', 'f.production_id')
      .innerJoin('storages as s', 's.name', 'r.storage')
      .select(['f.id', 'f.lfn', 's.root', 'r.path'])
      .where('p.name', '=', production)
      .where('f.kind', '=', 'merged')
      .orderBy('f.lfn')
      .execute(),
  );

const handleOf = (name: string) => fabrica.client.workflow.getHandle(`production/${name}`);

test('a Completed production runs two jobs again: their merged files are replaced everywhere, all else stays', async () => {
  await (await fabrica.start(smallProduction('again', { events: 200 }))).result();
  const before = await merged('again');
  const answer = await ask('again', { kind: 'reprocess', select: { jobs: '4,12' } });
  expect(answer.message).toMatch(/reprocess: \d+ jobs run again/);
  expect(await handleOf('again').result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('again', 200);

  const after = await merged('again');
  const kept = new Set(after.map(({ lfn }) => lfn));
  const replaced = before.filter(({ lfn }) => !kept.has(lfn));
  expect(replaced.length).toBeGreaterThan(0);
  expect(replaced.length).toBeLessThan(before.length);
  for (const { path: at, root } of replaced) expect(existsSync(path.join(root, at))).toBe(false);
  // Exactly the jobs that the replaced files were made from.
  const makers = await fabrica.catalog.read((db) =>
    db
      .selectFrom('file_parents as p')
      .innerJoin('files as f', 'f.id', 'p.parent_id')
      .select('f.job')
      .where('p.file_id', 'in', [...new Set(replaced.map(({ id }) => id))])
      .execute(),
  );
  const affected = new Set(makers.map(({ job }) => job));
  expect(affected).toContain(4);
  expect(affected).toContain(12);
  for (const [job, attempt] of await attempts('again')) {
    expect({ job, attempt }).toEqual({ job, attempt: affected.has(job) ? 2 : 1 });
  }
});

test('a production that merges makes outputs anew while its merges run', async () => {
  const production = smallProduction('merging', { events: 100, scouts: { jobs: 0 } });
  const [, , program = '', ...rest] = production.merge!.command;
  const slow = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000); ${program}`;
  const handle = await fabrica.start({
    ...production,
    merge: { ...production.merge, command: ['node', '-e', slow, ...rest] },
  });
  const running = () =>
    fabrica.catalog.read((db) =>
      db
        .selectFrom('jobs as j')
        .innerJoin('productions as p', 'p.id', 'j.production_id')
        .select('j.number')
        .where('p.name', '=', 'merging')
        .where('j.kind', '=', 'merge')
        .where('j.state', 'in', ['Submitted', 'Running'])
        .execute(),
    );
  while ((await running()).length === 0) await sleep(50);
  await ask('merging', { kind: 'reprocess', select: { jobs: '2,7' } });
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('merging', 100);
  const again = [...(await attempts('merging'))].filter(([, attempt]) => attempt > 1);
  expect(again).toEqual([
    [2, 2],
    [7, 2],
  ]);
});

test('a block that runs hears of jobs that wait again while others run for long', async () => {
  const gate = path.join(fabrica.folder, 'gate');
  const handle = await fabrica.start(
    smallProduction('waking', {
      events: 60,
      scouts: { jobs: 0 },
      behaviour: `if (job === '6') while (!fs.existsSync(${JSON.stringify(gate)})) sleep(50);`,
    }),
  );
  await until(handle, ({ jobs }) => jobs.Done === 5 && jobs.Running === 1);
  await ask('waking', { kind: 'reprocess', select: { jobs: '1' } });
  for (let look = 0; look < 100 && (await attempts('waking')).get(1) !== 2; look++) {
    await sleep(100);
  }
  expect((await attempts('waking')).get(1)).toBe(2);
  writeFileSync(gate, '');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('waking', 60);
});

test('jobs that run are killed for good: they end at their site, and the production goes on without their events', async () => {
  const handle = await fabrica.start(
    smallProduction('killed', {
      events: 80,
      scouts: { jobs: 0 },
      behaviour: `if (job === '3' || job === '5') sleep(600000);`,
    }),
  );
  await until(handle, ({ jobs }) => jobs.Done === 6 && jobs.Running === 2);
  const answer = await ask('killed', { kind: 'kill', select: { jobs: '3,5' } });
  expect(answer.message).toBe('2 jobs killed (3, 5), 2 of them are ended at their sites');
  expect(await handle.result()).toMatchObject({
    state: 'Completed',
    reason: '60 of 80 events are made, distributed and verified; 2 jobs were waived (3, 5)',
  });
  const ended = await fabrica.catalog.read((db) =>
    db
      .selectFrom('attempts as a')
      .innerJoin('productions as p', 'p.id', 'a.production_id')
      .select(['a.job', 'a.state', 'a.class'])
      .where('p.name', '=', 'killed')
      .where('a.state', '<>', 'Done')
      .orderBy('a.job')
      .execute(),
  );
  expect(ended).toEqual([
    { job: 3, state: 'Cancelled', class: 'killed' },
    { job: 5, state: 'Cancelled', class: 'killed' },
  ]);
});

test('copies that are lost or damaged before the end are made again by themselves', async () => {
  const gate = path.join(fabrica.folder, 'losses');
  const handle = await fabrica.start(
    smallProduction('losses', {
      events: 100,
      behaviour: `if (job === '4') while (!fs.existsSync(${JSON.stringify(gate)})) sleep(50);`,
    }),
  );
  // Block 0, the scouts, is distributed while a job of block 1 waits.
  await until(handle, ({ blocks }) => blocks.Finished === 1);
  const files = await merged('losses');
  const [first, second] = files;
  if (first === undefined || second === undefined) throw new Error('there are no merged files');
  expect(first.lfn).toBe(second.lfn);
  rmSync(path.join(first.root, first.path));
  writeFileSync(path.join(second.root, second.path), 'rubbish');
  writeFileSync(gate, '');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('losses', 100);
  const again = [...(await attempts('losses'))].filter(([, attempt]) => attempt > 1);
  expect(again.map(([job]) => job)).toEqual([1, 2]);
});
