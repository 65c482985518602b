import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { independentAudit } from './independent-audit.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

/** Leaves at every place that the attempt may write to what a broken job may leave there: a part of its output, and a whole file. */
const LEAVE = `
  const targets = [...new Set(fs.readFileSync('wrapper.sh', 'utf8').match(/file:\\/[^'"\\s]*task[^'"\\s]*/g) ?? [])];
  if (targets.length === 0) process.exit(99);
  const path = require('node:path');
  const leave = () => {
    for (const url of targets) {
      const file = url.slice('file:'.length).replace('//', '/');
      fs.mkdirSync(path.dirname(file), { recursive: true });
      for (const name of [path.basename(file), '.part-' + path.basename(file)]) {
        fs.writeFileSync(path.join(path.dirname(file), name), 'rubbish');
      }
    }
  };`;

/** What of a production is at sites: folders and processes of its jobs. */
async function atSites(production: string): Promise<string[]> {
  const folders = readdirSync(fabrica.folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => path.basename(name).includes(`.${production}.`),
  );
  const { stdout } = await promisify(execFile)('pgrep', [
    ...['-fa', `FABRICA_PRODUCTION=.${production}|/[^ ]*\\.${production}\\.[0-9]`],
  ]).catch(() => ({ stdout: '' }));
  return [...folders, ...stdout.split('\n').filter((line) => line !== '')];
}

/** What the catalog believes to be unfinished. */
async function unfinished(production: string) {
  return fabrica.catalog.read(async (db) => {
    const { id } = await db
      .selectFrom('productions')
      .select('id')
      .where('name', '=', production)
      .executeTakeFirstOrThrow();
    const open = await db
      .selectFrom('attempts')
      .select(['job', 'attempt'])
      .where('production_id', '=', id)
      .where('state', 'in', ['Submitted', 'Running'])
      .execute();
    const remnants = await db
      .selectFrom('remnants')
      .select(['storage', 'path', 'state'])
      .where('production_id', '=', id)
      .execute();
    const transfers = await db
      .selectFrom('transfers')
      .select('id')
      .where('production_id', '=', id)
      .where('state', '=', 'Waiting')
      .execute();
    const bundles = await db
      .selectFrom('bundles')
      .select('id')
      .where('production_id', '=', id)
      .where('cleared_at', 'is', null)
      .execute();
    return [...open, ...remnants, ...transfers, ...bundles];
  });
}

async function nothingLeft(production: string, ...options: string[]): Promise<void> {
  await independentAudit(path.join(fabrica.folder, 'catalog.db'), production, ...options);
  expect(await unfinished(production)).toEqual([]);
  expect(await atSites(production)).toEqual([]);
}

test('attempts that are refused after their stage-out, vanish, or leave processes behind leave nothing anywhere', async () => {
  const handle = await fabrica.start(
    smallProduction('rubbish', {
      scouts: { jobs: 0 },
      behaviour: `${LEAVE}
        if (attempt === 1 && job % 3 === 0) {
          // It is staged out whole, and then refused for its number of events.
          fs.writeFileSync(output, 'rubbish');
          fs.writeFileSync('fabrica-report.json', JSON.stringify({ events: Number(events) + 1 }));
          process.exit(0);
        }
        if (attempt === 1) {
          leave();
          // The wrapper is gone; what it had started goes on for some, and writes again.
          process.kill(Number(fs.readFileSync('wrapper.started', 'utf8').split(' ')[0]), 'SIGKILL');
          if (job % 3 === 1) {
            sleep(3000);
            leave();
          }
          process.exit(0);
        }`,
    }),
  );
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await sleep(4000);
  await nothingLeft('rubbish', '--expect-events', '100', '--content', 'jsonl');
}, 120_000);

test('attempts that are ended with their production leave nothing anywhere', async () => {
  const handle = await fabrica.start(
    smallProduction('dropped', {
      scouts: { jobs: 0 },
      behaviour: `${LEAVE} leave(); sleep(60000);`,
    }),
  );
  await until(handle, (progress) => (progress.jobs.Running ?? 0) > 1, 60);
  await sleep(500);
  await handle.signal('cancel', 'not needed');
  expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
  await nothingLeft('dropped', '--state', 'Cancelled');
}, 120_000);

test('scouts that are given up at their deadline leave nothing anywhere', async () => {
  const handle = await fabrica.start(
    smallProduction('slow', {
      scouts: { jobs: 3, deadline: 4 },
      behaviour: `${LEAVE} leave(); sleep(60000);`,
    }),
  );
  expect(await handle.result()).toMatchObject({ state: 'Rejected' });
  await nothingLeft('slow', '--state', 'Rejected');
}, 120_000);
