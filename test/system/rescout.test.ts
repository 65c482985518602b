import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestOf } from '../../client/temporal/request.js';
import type { PersonsCommand } from '../../domain/command.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

/** Outputs of any kind on the storages under the folders of a campaign. */
async function stored(campaign: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('find', [
    path.join(fabrica.folder, 'storages'),
    ...['-type', 'f', '-path', `*${campaign}*`],
  ]);
  return stdout.split('\n').filter((line) => line !== '');
}

const seedsOf = async (name: string): Promise<number[]> => {
  const rows = await fabrica.catalog.read((db) =>
    db
      .selectFrom('jobs as j')
      .innerJoin('productions as p', 'p.id', 'j.production_id')
      .select('j.seed')
      .where('p.name', '=', name)
      .where('j.kind', '<>', 'merge')
      .execute(),
  );
  return rows.map(({ seed }) => seed);
};

test('a rejected production takes a changed definition as its next revision, and nothing of the first is left', async () => {
  const dataset = { ...smallProduction('x').dataset, campaign: 'MCrevised' };
  const broken = smallProduction('revised', { behaviour: 'process.exit(9);', dataset });
  expect(await (await fabrica.start(broken)).result()).toMatchObject({ state: 'Rejected' });
  expect(await stored('MCrevised')).toEqual([]);
  const handle = await fabrica.start(smallProduction('revised', { events: 120, dataset }));
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('revised', 120);
  const seeds = await seedsOf('revised');
  expect(new Set(seeds).size).toBe(seeds.length);
});

test('a rejected production is scouted again as it was, once what was to blame is repaired', async () => {
  const mended = path.join(fabrica.folder, 'mended');
  const production = smallProduction('retried', {
    behaviour: `if (!fs.existsSync(${JSON.stringify(mended)})) process.exit(9);`,
  });
  expect(await (await fabrica.start(production)).result()).toMatchObject({ state: 'Rejected' });
  writeFileSync(mended, '');
  const request = { kind: 'rescout', who: 'me@here', why: 'mended' } as const;
  const { catalog, client } = fabrica;
  const deps = { catalog, client, tell: () => undefined };
  expect(await requestOf('retried', request, deps)).toMatchObject({ outcome: 'done' });
  const handle = client.workflow.getHandle('production/retried');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('retried', 100);
  await expect(requestOf('retried', request, deps)).rejects.toThrow('only Rejected productions');
});

test('productions that have ended take what their states allow, and what is so already is no error', async () => {
  const { catalog, client } = fabrica;
  const ask = (name: string, kind: PersonsCommand, value?: number) => {
    const request = { kind, who: 'me@here', why: '', ...(value === undefined ? {} : { value }) };
    return requestOf(name, request, { catalog, client, tell: () => undefined });
  };
  const broken = smallProduction('broken', { behaviour: 'process.exit(9);' });
  expect(await (await fabrica.start(broken)).result()).toMatchObject({ state: 'Rejected' });
  expect(await ask('broken', 'reprioritize', 9)).toMatchObject({ outcome: 'done', priority: 9 });
  expect(await ask('broken', 'cancel')).toMatchObject({ outcome: 'done', from: 'Rejected' });
  const handle = client.workflow.getHandle('production/broken');
  expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
  expect(await ask('broken', 'cancel')).toMatchObject({ outcome: 'already', state: 'Cancelled' });
  expect(await ask('retried', 'finish')).toMatchObject({ outcome: 'already', state: 'Completed' });
  await expect(ask('retried', 'pause')).rejects.toThrow('it has ended and takes no pause');
});
