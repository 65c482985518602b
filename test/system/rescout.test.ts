import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestOf } from '../../client/temporal/request.js';
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
