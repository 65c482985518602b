import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import { openCatalogReadOnly } from '../../catalog/open.js';
import { independentAudit } from './independent-audit.js';
import { smallProduction, until } from './running-system.js';
import { fabrica, killEverything, startUp, stateDirectory, type Up } from './up-process.js';

const EVENTS = 1200;
const NAME = 'restored';

/** What later jobs wait for before they do anything, so that the production is in its middle however fast it goes. */
const GATES = { kept: 50, recovered: 100 };
type Gate = keyof typeof GATES;

const gateFile = (state: string, gate: Gate): string => path.join(state, `gate-${gate}`);
const open = (state: string, gate: Gate): void => writeFileSync(gateFile(state, gate), '');

/** Blocks of 24 jobs: some are distributed while others have not begun. Nothing waits any more once the state is removed. */
const definitionOn = (state: string) =>
  smallProduction(NAME, {
    events: EVENTS,
    behaviour: `
      const [state, ...gates] = ${JSON.stringify([state, gateFile(state, 'kept'), gateFile(state, 'recovered')])};
      const gate = gates[Number(job) > ${GATES.recovered} ? 1 : 0];
      while (Number(job) > ${GATES.kept} && !fs.existsSync(gate) && fs.existsSync(state)) sleep(100);
      if (attempt === 1 && job % 7 === 0) process.exit(3);`,
    scouts: { jobs: 4 },
  });

const start = (state: string, up: Up): Promise<WorkflowHandle> =>
  up.client.workflow.start('production', {
    taskQueue: 'fabrica',
    workflowId: `production/${NAME}`,
    args: [{ definition: definitionOn(state), by: 'test' }],
  });

const handleOf = (up: Up): WorkflowHandle => up.client.workflow.getHandle(`production/${NAME}`);

interface Recovered {
  readonly epoch: string;
  readonly recovered: {
    readonly jobs: number;
    readonly attempts: number;
    readonly files: number;
    readonly terminated: number;
    readonly silent: readonly unknown[];
  } | null;
  readonly restarted: readonly string[];
  readonly running: readonly string[];
}

const reached = async (up: Up, done: number): Promise<void> => {
  await until(handleOf(up), (progress) => (progress.jobs.Done ?? 0) >= done, 90);
};

async function finishes(state: string, up: Up): Promise<void> {
  expect(await handleOf(up).result()).toMatchObject({ state: 'Completed' });
  const asked = ['--expect-events', String(EVENTS), '--content', 'jsonl'];
  await independentAudit(path.join(state, 'catalog.db'), NAME, ...asked);
}

/** What is on all storages, without what the catalog can not know: empty directories. */
const files = (state: string): string[] =>
  readdirSync(path.join(state, 'storages'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));

async function recovers(state: string): Promise<Recovered> {
  // Held: nothing is placed before the recovery.
  const health = await fabrica<{ findings: { check: string; state: string }[] }>(
    state,
    'doctor',
  ).catch((error: unknown) => JSON.parse((error as { stdout: string }).stdout) as never);
  expect(health.findings).toContainEqual(
    expect.objectContaining({ check: 'epoch', state: 'FAIL' }),
  );
  const view = await fabrica<{ waitsFor: string }>(state, 'show', NAME);
  expect(view.waitsFor).toContain('fabrica recover');
  const answer = await fabrica<Recovered>(state, 'recover');
  expect(answer.recovered).toMatchObject({ silent: [] });
  expect(answer.restarted).toEqual([NAME]);
  expect(await fabrica<Recovered>(state, 'recover')).toMatchObject({
    recovered: null,
    restarted: [],
    running: [NAME],
  });
  open(state, 'recovered');
  // What the backup does not know is gone: what lies there of earlier epochs is catalogued.
  const catalog = await openCatalogReadOnly({ file: path.join(state, 'catalog.db') });
  const epochs = await catalog.read((db) => db.selectFrom('epochs').select('epoch').execute());
  const known = await catalog.read((db) => db.selectFrom('replicas').select('path').execute());
  const noted = await catalog.read((db) => db.selectFrom('remnants').select('path').execute());
  await catalog.close();
  const paths = new Set([...known, ...noted].map((row) => row.path));
  for (const { epoch } of epochs.filter((row) => row.epoch !== answer.epoch)) {
    const old = files(state).flatMap((file) => {
      const place = file.indexOf(`/${epoch}/`);
      return place === -1 ? [] : [file.slice(place)];
    });
    expect(old.filter((file) => !paths.has(file))).toEqual([]);
  }
  return answer;
}

// They wait for most of their time: for jobs, and until the dead are noticed.
describe.concurrent('a catalog that is older than the work', () => {
  test.for([
    ['restored', true],
    ['copied into place', false],
  ] as const)(
    'after a SIGKILL of everything and `recover` its production ends right: %s',
    { timeout: 300_000 },
    async ([, byCommand], context) => {
      const state = stateDirectory(context);
      const backup = path.join(state, 'backup.db');
      const up = await startUp(state);
      await start(state, up);
      await reached(up, 30);
      await fabrica(state, 'backup', backup);
      open(state, 'kept');
      await until(
        handleOf(up),
        ({ events, jobs }) => (jobs.Done ?? 0) >= 70 && events.distributed > 0,
        90,
      );
      await killEverything(state, up, false);
      if (byCommand) {
        expect(await fabrica(state, 'restore', backup)).toMatchObject({
          backup: { at: expect.any(String) as string },
        });
      } else {
        for (const end of ['', '-wal', '-shm'])
          rmSync(path.join(state, `catalog.db${end}`), { force: true });
        copyFileSync(backup, path.join(state, 'catalog.db'));
      }

      const again = await startUp(state);
      const { recovered } = await recovers(state);
      expect(recovered?.files).toBeGreaterThan(0);
      expect(recovered?.attempts).toBeGreaterThan(0);
      await finishes(state, again);
      await again.close();
    },
  );
});

describe.concurrent('a Temporal state that is older than the catalog', () => {
  test('is noticed, and after `recover` the production ends right', async (context) => {
    const state = stateDirectory(context);
    const file = path.join(state, 'temporal.db');
    const ends = ['', '-wal', '-shm'];
    const first = await startUp(state);
    await start(state, first);
    await reached(first, 30);
    await killEverything(state, first, false);
    for (const end of ends) {
      if (existsSync(file + end)) copyFileSync(file + end, `${file}.older${end}`);
    }
    const second = await startUp(state);
    open(state, 'kept');
    await reached(second, 70);
    await killEverything(state, second, false);
    for (const end of ends) {
      rmSync(file + end, { force: true });
      if (existsSync(`${file}.older${end}`)) copyFileSync(`${file}.older${end}`, file + end);
    }

    const third = await startUp(state);
    const { recovered } = await recovers(state);
    expect(recovered?.terminated).toBeGreaterThan(0);
    await finishes(state, third);
    await third.close();
  }, 300_000);
});
