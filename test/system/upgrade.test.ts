import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openCatalogReadOnly } from '../../catalog/open.js';
import { changedBuild, COMPATIBLE } from '../replay/changed-build.js';
import { fewJobs, gridFields, SITES } from '../replay/grid.js';
import { independentAudit } from './independent-audit.js';
import { until } from './running-system.js';
import { SeparateWorkers } from './separate-workers.js';

/** Build A is this one; build B has workflows with one more step, behind `patched`. */
const A = 'dist';
let B: string;
let builds: string;
beforeAll(async () => {
  ({ folder: builds } = await changedBuild(COMPATIBLE));
  B = path.join(builds, 'dist');
}, 60_000);
afterAll(() => {
  rmSync(builds, { recursive: true, force: true });
});

const JOBS = 150;
const NAME = 'upgraded';
const CONTROL = ['control'];
const SITE = ['site', ...SITES];

let folder: string;
let system: SeparateWorkers;
let connection: Connection;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-upgrade-'));
  writeFileSync(path.join(folder, 'fabrica.yaml'), JSON.stringify(gridFields(folder)));
  system = await SeparateWorkers.start(folder);
  connection = await Connection.connect({ address: system.address });
}, 60_000);
afterEach(async () => {
  await connection.close();
  await system.end();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Starts the production, and waits until a part of its jobs is done. */
async function inMidProduction(client: Client) {
  const handle = await client.workflow.start('production', {
    taskQueue: 'fabrica',
    workflowId: `production/${NAME}`,
    args: [{ definition: fewJobs(NAME, 1.5, JOBS), by: 'test' }],
  });
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) >= JOBS / 5, 60);
  return handle;
}

/** Every event is made and kept, and no job has been tried twice. */
async function nothingLostOrTwice(): Promise<void> {
  const file = path.join(folder, 'state', 'catalog.db');
  const events = fewJobs(NAME, 1.5, JOBS).events;
  const asked = ['--expect-events', String(events), '--content', 'simulated'];
  await independentAudit(file, NAME, ...asked);
  const catalog = await openCatalogReadOnly({ file });
  const attempts = await catalog.read((db) =>
    db.selectFrom('attempts').select(['job', 'attempt', 'state']).orderBy('job').execute(),
  );
  await catalog.close();
  expect(attempts.filter(({ attempt, state }) => attempt !== 1 || state !== 'Done')).toEqual([]);
  expect(attempts.length).toBeGreaterThanOrEqual(JOBS);
}

interface Seen {
  readonly type: string;
  /** Builds that have completed workflow tasks of it. */
  readonly builds: number;
  /** It went through the changed step. */
  readonly patched: boolean;
}

/** What the histories of the production and its blocks tell of builds. */
async function seen(client: Client): Promise<Seen[]> {
  const found: Seen[] = [];
  for await (const { runId, type, workflowId } of client.workflow.list()) {
    if (type !== 'production' && type !== 'block') continue;
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const builds = (events ?? []).flatMap(
      (event) => event.workflowTaskCompletedEventAttributes?.workerVersion?.buildId ?? [],
    );
    const patched = (events ?? []).some(
      (event) => event.markerRecordedEventAttributes?.markerName === 'core_patch',
    );
    found.push({ type, builds: new Set(builds).size, patched });
  }
  return found;
}

it('control and site workers are replaced by those of another build in mid-production: nothing is lost, nothing runs twice', async () => {
  const client = new Client({ connection });
  const old = [await system.worker(CONTROL, A), await system.worker(SITE, A)];
  const handle = await inMidProduction(client);
  await Promise.all(old.map((worker) => system.stop(worker)));
  await system.worker(SITE, B);
  await system.worker(CONTROL, B);

  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await nothingLostOrTwice();
  const histories = await seen(client);
  expect(histories).toContainEqual({ type: 'production', builds: 2, patched: true });
  expect(histories).toContainEqual({ type: 'block', builds: 2, patched: true });
}, 180_000);

it('workers of two builds run side by side for a while', async () => {
  const client = new Client({ connection });
  const old = [await system.worker(CONTROL, A), await system.worker(SITE, A)];
  const handle = await inMidProduction(client);
  await system.worker(SITE, B);
  await system.worker(CONTROL, B);
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) >= (3 * JOBS) / 5, 60);
  await sleep(1000);
  await Promise.all(old.map((worker) => system.stop(worker)));

  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await nothingLostOrTwice();
  const histories = await seen(client);
  expect(histories.filter(({ builds }) => builds === 2).length).toBeGreaterThan(0);
}, 180_000);
