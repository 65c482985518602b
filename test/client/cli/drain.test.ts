import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { smallProduction } from '../../system/running-system.js';
import { SeparateWorkers } from '../../system/separate-workers.js';
import { fabrica } from './fabrica.js';

let folder: string;
let system: SeparateWorkers;

/** A file that the jobs wait for. */
let gate: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-drain-'));
  gate = path.join(folder, 'gate');
  system = await SeparateWorkers.start(folder);
}, 60_000);

afterEach(async () => {
  writeFileSync(gate, '');
  await system.end();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function told<T>(...argv: readonly string[]): Promise<T> {
  const { code, err, out } = await fabrica([...system.options, ...argv, '--json'], { cwd: folder });
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
}

interface Shown {
  readonly state: string;
  readonly reason: string;
  readonly jobs: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
}

async function until(condition: (shown: Shown) => boolean): Promise<Shown> {
  for (let look = 0; look < 200; look++) {
    const shown = await progress();
    if (condition(shown)) return shown;
    await sleep(200);
  }
  throw new Error(`never: ${JSON.stringify(await progress())}`);
}

const progress = async (): Promise<Shown> =>
  (await told<{ progress: Shown }>('show', 'drained')).progress;

it('a worker that drains ends when its jobs have, loses none, and its site goes on when another serves it', async () => {
  await system.worker(['control']);
  await system.worker(['site', 'PNNL', 'UVic']);
  const leaving = await system.worker(['site', 'KMI', '--drain', '2min']);
  const production = smallProduction('drained', {
    events: 400,
    behaviour: `while (!fs.existsSync(${JSON.stringify(gate)})) sleep(100);`,
    scouts: { jobs: 0 },
  });
  writeFileSync(path.join(folder, 'drained.yaml'), stringify({ ...production, sites: ['KMI'] }));
  await told('submit', 'drained.yaml');
  const before = await until(({ jobs }) => (jobs['Running'] ?? 0) > 0);
  expect(before.jobs['Done'] ?? 0).toBe(0);

  const gone = system.stop(leaving);
  // Nothing is left that waits there; what runs goes on.
  const held = await until(({ state }) => state === 'Held');
  expect(held.reason).toContain('KMI');
  expect(held.reason).toContain('the worker drains and leaves');
  const { sites } = await told<{ sites: { site: string; override: { by: string } | null }[] }>(
    'site',
    'list',
  );
  expect(sites.find(({ site }) => site === 'KMI')?.override).toMatchObject({ by: 'its worker' });
  expect(leaving.exitCode).toBeNull();
  writeFileSync(gate, '');
  await gone;
  expect(leaving.exitCode).toBe(0);
  const after = await progress();
  expect(after.jobs['Running'] ?? 0).toBe(0);
  expect(after.jobs['Done']).toBeGreaterThan(0);

  await system.worker(['site', 'KMI']);
  const completed = await until(({ state }) => state === 'Completed');
  expect(completed).toMatchObject({ jobs: { Done: 40 }, failures: {} });
}, 180_000);
