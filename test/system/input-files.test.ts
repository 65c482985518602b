import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DefinitionInput } from '../../domain/definition.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

/** Reads what `source` has made, three files a job, and keeps every second event. */
function skim(name: string, source: string): DefinitionInput {
  const program = `
    const [output, ...inputs] = process.argv.slice(1);
    const fs = require('node:fs');
    const lines = inputs.flatMap((input) => fs.readFileSync(input, 'utf8').trimEnd().split('\\n'));
    const kept = lines.filter((line) => JSON.parse(line).event % 2 === 0);
    fs.writeFileSync(output, kept.join('\\n') + '\\n');
    fs.writeFileSync('fabrica-report.json', JSON.stringify({ events: lines.length, written: { mdst: kept.length } }));`;
  const input = smallProduction(name, {
    input: { dataset: { production: source }, grouping: { maxFiles: 1 } },
    scouts: { jobs: 1, deadline: '1m' },
    fabrication: { command: ['node', '-e', program, '{output}', '{inputs}'], eventsPerJob: 'auto' },
  });
  delete input.events;
  return input;
}

/** Final files of a production: LFN, events, and where its copies are on this machine. */
const finals = (production: string) =>
  fabrica.catalog.read((db) =>
    db
      .selectFrom('files as f')
      .innerJoin('replicas as r', 'r.file_id', 'f.id')
      .innerJoin('storages as s', 's.name', 'r.storage')
      .innerJoin('productions as p', 'p.id', 'f.production_id')
      .select(['f.lfn', 'f.events', 's.root', 'r.path'])
      .where('p.name', '=', production)
      .where('f.kind', '=', 'merged')
      .where('f.state', '=', 'Valid')
      .orderBy('f.lfn')
      .execute(),
  );

const eventsIn = async (production: string): Promise<number> => {
  const files = new Map((await finals(production)).map(({ events, lfn }) => [lfn, events ?? 0]));
  return [...files.values()].reduce((sum, events) => sum + events, 0);
};

test('a production reads all that another has made; one of its files that is lost is made again meanwhile', async () => {
  await (await fabrica.start(smallProduction('source', { events: 200 }))).result();
  const before = await finals('source');
  const lost = before.at(-1);
  for (const { lfn, path: at, root } of before) {
    if (lfn === lost?.lfn) rmSync(path.join(root, at));
  }
  expect(await (await fabrica.start(skim('skim', 'source'))).result()).toMatchObject({
    state: 'Completed',
  });
  expect(await eventsIn('skim')).toBe(100);
  const handle = fabrica.client.workflow.getHandle('production/source');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('source', 200);

  const after = new Set((await finals('source')).map(({ lfn }) => lfn));
  expect(after).not.toContain(lost?.lfn);
  const grandparents = await fabrica.catalog.read((db) =>
    db
      .selectFrom('files as f')
      .innerJoin('productions as p', 'p.id', 'f.production_id')
      .innerJoin('file_parents as one', 'one.file_id', 'f.id')
      .innerJoin('file_parents as two', 'two.file_id', 'one.parent_id')
      .innerJoin('files as g', 'g.id', 'two.parent_id')
      .select('g.lfn')
      .distinct()
      .where('p.name', '=', 'skim')
      .where('f.kind', '=', 'merged')
      .execute(),
  );
  expect(new Set(grandparents.map(({ lfn }) => lfn))).toEqual(after);
}, 120_000);
