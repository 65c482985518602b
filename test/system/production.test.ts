import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { WorkflowFailedError } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../domain/log.js';
import { findTemporalBinary } from '../../worker/temporal-binary.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';

const run = promisify(execFile);

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

const temporal = async (...args: string[]): Promise<string> => {
  const binary = await findTemporalBinary({ env: process.env, log: silentLog });
  const { stdout } = await run(binary.path, [...args, '--address', fabrica.system.address]);
  return stdout;
};

async function outcome(handle: { result(): Promise<unknown> }): Promise<unknown> {
  try {
    return await handle.result();
  } catch (error) {
    return error instanceof WorkflowFailedError ? error.cause : error;
  }
}

async function eventLog(production: string): Promise<string[]> {
  const rows = await fabrica.catalog.read((db) =>
    db
      .selectFrom('events')
      .innerJoin('productions', 'productions.id', 'events.production_id')
      .select(['events.what', 'events.why'])
      .where('productions.name', '=', production)
      .orderBy('events.id')
      .execute(),
  );
  return rows.map((row) => `${row.what}: ${row.why}`);
}

describe('a production', () => {
  test('with failing attempts ends Completed, and an independent audit finds nothing wrong', async () => {
    const handle = await fabrica.start(
      smallProduction('failing', {
        behaviour: `if (attempt === 1 && job % 3 === 0) { console.error('boom'); process.exit(3); }
                    if (attempt === 1 && job % 4 === 0) process.kill(process.pid, 'SIGSEGV');
                    if (attempt === 1 && job % 5 === 0) { fs.writeFileSync(output, 'x'); fs.writeFileSync('fabrica-report.json', '{"events":7}'); process.exit(0); }`,
      }),
    );
    expect(await handle.result()).toMatchObject({ state: 'Completed' });
    await fabrica.audit('failing', 100);
    const attempts = await fabrica.catalog.read((db) =>
      db
        .selectFrom('attempts')
        .innerJoin('productions', 'productions.id', 'attempts.production_id')
        .select(['job', 'class', 'attempts.reason', 'log_tail'])
        .where('productions.name', '=', 'failing')
        .where('class', 'is not', null)
        .execute(),
    );
    const classes = new Map(attempts.map((one) => [one.job, one.class]));
    expect(classes.get(3)).toBe('payload-error');
    expect(classes.get(4)).toBe('payload-crash');
    expect(classes.get(5)).toBe('bad-output');
    expect(attempts.find((one) => one.job === 3)?.log_tail).toContain('boom');
  });

  test('can be started by any Temporal client, and the same definition twice is one production', async () => {
    const input = JSON.stringify({ definition: smallProduction('plain', { events: 40 }) });
    const start = () =>
      temporal(
        ...['workflow', 'execute', '--type', 'production', '--task-queue', 'fabrica'],
        ...['--workflow-id', 'production/plain', '--input', input, '--output', 'json'],
      );
    expect(await start()).toContain('Completed');
    expect(await start()).toContain('Completed');
    const rows = await fabrica.catalog.read((db) =>
      db.selectFrom('productions').select('id').where('name', '=', 'plain').execute(),
    );
    expect(rows).toHaveLength(1);
    await fabrica.audit('plain', 40);
  });

  test('with another definition under a known name fails, and shows the difference', async () => {
    await (await fabrica.start(smallProduction('known', { events: 20 }))).result();
    const failed = await outcome(await fabrica.start(smallProduction('known', { events: 30 })));
    expect(String(failed)).toContain('events');
    expect(String(failed)).toMatch(/20.*30/);
    expect(failed).toMatchObject({ type: 'FABRICA_DEFINITION_CONFLICT' });
  });

  test('that is invalid fails with every problem named, and registers nothing', async () => {
    const broken = {
      ...smallProduction('broken'),
      priority: 0,
      prioritty: 1,
      sites: ['NOWHERE'],
    };
    const failed = String(await outcome(await fabrica.start(broken)));
    expect(failed).toContain('priority');
    expect(failed).toContain('prioritty');
    const nowhere = await fabrica.start({ ...smallProduction('broken'), sites: ['NOWHERE'] });
    expect(String(await outcome(nowhere))).toContain('no site is named NOWHERE');
    const rows = await fabrica.catalog.read((db) =>
      db.selectFrom('productions').select('id').where('name', '=', 'broken').execute(),
    );
    expect(rows).toEqual([]);
  });

  test('whose scouts fail is Rejected with a verdict, and leaves no file behind', async () => {
    const handle = await fabrica.start(
      smallProduction('hopeless', {
        behaviour: `console.error('no such detector'); process.exit(9);`,
      }),
    );
    expect(await handle.result()).toMatchObject({
      state: 'Rejected',
      reason: '0 of 2 scouts succeeded, 90 % are needed; the others: 2 payload-error',
    });
    const left = await fabrica.catalog.read((db) =>
      db
        .selectFrom('remnants')
        .innerJoin('productions', 'productions.id', 'remnants.production_id')
        .select('path')
        .where('productions.name', '=', 'hopeless')
        .execute(),
    );
    expect(left).toEqual([]);
    const { stdout } = await run('find', [
      path.join(fabrica.folder, 'storages'),
      ...['-path', '*prod*', '-name', '*.jsonl', '-newer', path.join(fabrica.folder, 'up.json')],
    ]);
    const id = await fabrica.catalog.read((db) =>
      db
        .selectFrom('productions')
        .select('id')
        .where('name', '=', 'hopeless')
        .executeTakeFirstOrThrow(),
    );
    expect(stdout).not.toContain(`prod${String(id.id).padStart(8, '0')}`);
  });
});

describe('people', () => {
  test('pause a production: nothing more is submitted until it is resumed', async () => {
    const handle = await fabrica.start(
      smallProduction('paused', { events: 3000, behaviour: 'sleep(300);', scouts: { jobs: 0 } }),
    );
    await until(handle, (progress) => (progress.jobs.Done ?? 0) >= 2);
    await temporal('workflow', 'signal', '--workflow-id', 'production/paused', '--name', 'pause');
    await until(handle, (progress) => progress.state === 'Stopped');
    const placed = async (): Promise<number> => {
      const row = await fabrica.catalog.read((db) =>
        db
          .selectFrom('attempts')
          .innerJoin('productions', 'productions.id', 'attempts.production_id')
          .select((eb) => eb.fn.countAll<number>().as('attempts'))
          .where('productions.name', '=', 'paused')
          .executeTakeFirstOrThrow(),
      );
      return row.attempts;
    };
    const before = await placed();
    expect(before).toBeLessThan(300);
    await sleep(2_500);
    expect(await placed()).toBe(before);
    await handle.signal('resume');
    await until(handle, (progress) => progress.state === 'Active');
    for (const end = Date.now() + 10_000; Date.now() < end && (await placed()) === before;) {
      await sleep(100);
    }
    expect(await placed()).toBeGreaterThan(before);
    await handle.signal('cancel');
    expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
  });

  test('reprioritize with a number; anything else is refused and noted', async () => {
    const handle = await fabrica.start(
      smallProduction('urgent', { events: 3000, behaviour: 'sleep(500);', scouts: { jobs: 0 } }),
    );
    const signal = (name: string, input: string) =>
      temporal(
        ...['workflow', 'signal', '--workflow-id', 'production/urgent'],
        ...['--name', name, '--input', input],
      );
    await signal('reprioritize', '9');
    await until(handle, (progress) => progress.priority === 9);
    await signal('reprioritize', '"high"');
    for (const wrong of [0, 11, 2.5, null, { value: [1] }]) {
      await handle.signal('reprioritize', wrong);
    }
    // The command line refuses broken JSON itself; a client that does not look sends it on.
    await fabrica.client.workflowService.signalWorkflowExecution({
      namespace: fabrica.system.namespace,
      workflowExecution: { workflowId: 'production/urgent' },
      signalName: 'pause',
      input: {
        payloads: [
          {
            metadata: { encoding: Buffer.from('json/plain') },
            data: Buffer.from('{"broken'),
          },
        ],
      },
    });
    await handle.signal('cancel');
    expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
    const log = await eventLog('urgent');
    expect(log.filter((line) => line.startsWith('reprioritize refused'))).toHaveLength(6);
    expect(log.filter((line) => line.startsWith('malformed refused'))).toHaveLength(1);
    expect(log).toContain('priority 5 -> 9: ');
  });

  test.each(['signal', 'native'])(
    'cancel a production (%s): its jobs end, nothing unfinished is left',
    async (way) => {
      const name = `cancelled-${way}`;
      const handle = await fabrica.start(
        smallProduction(name, { behaviour: 'sleep(1500);', scouts: { jobs: 0 } }),
      );
      await until(
        handle,
        (progress) => (progress.jobs.Running ?? 0) + (progress.jobs.Done ?? 0) > 1,
      );
      if (way === 'signal') await handle.signal('cancel', 'not needed any more');
      else await handle.cancel();
      expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
      const open = await fabrica.catalog.read((db) =>
        db
          .selectFrom('attempts')
          .innerJoin('productions', 'productions.id', 'attempts.production_id')
          .select('job')
          .where('productions.name', '=', name)
          .where('attempts.state', 'in', ['Submitted', 'Running'])
          .execute(),
      );
      expect(open).toEqual([]);
      const { stdout } = await run('pgrep', ['-fc', `FABRICA_PRODUCTION=.${name}`]).catch(() => ({
        stdout: '0',
      }));
      expect(stdout.trim()).toBe('0');
    },
  );
});

describe('parked jobs', () => {
  test('hold the production until they are released', async () => {
    const flag = path.join(fabrica.folder, 'mended');
    const handle = await fabrica.start(
      smallProduction('held', {
        behaviour: `if (job === '7' && !fs.existsSync(${JSON.stringify(flag)})) process.exit(5);`,
      }),
    );
    const held = await until(handle, (progress) => progress.state === 'Held');
    expect(held.reason).toContain('1 job is parked');
    await run('touch', [flag]);
    await handle.signal('release', 'the payload was mended');
    expect(await handle.result()).toMatchObject({ state: 'Completed' });
    await fabrica.audit('held', 100);
  });

  test('can be waived: the production ends and says which jobs are missing', async () => {
    const handle = await fabrica.start(
      smallProduction('waived', { behaviour: `if (job === '7') process.exit(5);` }),
    );
    await until(handle, (progress) => progress.state === 'Held');
    await handle.signal('waive');
    expect(await handle.result()).toMatchObject({
      state: 'Completed',
      reason: '90 of 100 events are made, distributed and verified; 1 job was waived (7)',
    });
  });

  test('within the tolerance are waived without asking', async () => {
    const handle = await fabrica.start(
      smallProduction('tolerant', {
        tolerance: 0.1,
        behaviour: `if (job === '7') process.exit(5);`,
      }),
    );
    expect(await handle.result()).toMatchObject({ state: 'Completed' });
  });
});

describe('trouble', () => {
  test('scouts that do not end by their deadline are ended, and the production is Rejected', async () => {
    const handle = await fabrica.start(
      smallProduction('late', { behaviour: 'sleep(60000);', scouts: { jobs: 2, deadline: 3 } }),
    );
    expect(await handle.result()).toMatchObject({
      state: 'Rejected',
      reason: expect.stringContaining('2 not ended by the deadline') as string,
    });
  });

  test('outputs damaged on a storage before they are merged are made again, with the same seeds', async () => {
    const handle = await fabrica.start(
      smallProduction('damaged', {
        scouts: { jobs: 0 },
        // The last job waits for the others, and damages an output that is on its storage already.
        behaviour: `if (job === '10' && attempt === 1) {
          sleep(2000);
          const { execFileSync } = require('node:child_process');
          const found = execFileSync('find', [${JSON.stringify(fabrica.folder)}, '-path', '*MCdamaged*', '-name', 'mdst_000003_*']);
          fs.writeFileSync(found.toString().trim(), 'rubbish');
        }`,
        dataset: { ...smallProduction('x').dataset, campaign: 'MCdamaged' },
      }),
    );
    expect(await handle.result()).toMatchObject({ state: 'Completed' });
    await fabrica.audit('damaged', 100);
    const repeated = await fabrica.catalog.read((db) =>
      db
        .selectFrom('jobs')
        .innerJoin('productions', 'productions.id', 'jobs.production_id')
        .select(['jobs.number', 'jobs.attempt', 'jobs.seed'])
        .where('productions.name', '=', 'damaged')
        .where('jobs.number', '=', 3)
        .executeTakeFirstOrThrow(),
    );
    expect(repeated).toEqual({ number: 3, attempt: 2, seed: 3 });
  });
});

test("Temporal's page shows each activity's summary, the progress and the search attributes", async () => {
  const handle = await fabrica.start(smallProduction('shown', { events: 40, priority: 7 }));
  await handle.result();
  const description = await handle.describe();
  const attributes = Object.fromEntries(
    description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
  );
  expect(attributes).toMatchObject({
    FabricaProduction: 'shown',
    FabricaState: 'Completed',
    FabricaCampaign: 'MCtest',
    FabricaPriority: 7,
  });
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('### shown: Completed');
  expect(metadata.currentDetails).toContain('| distributed | 40 | ██████████ 100 % |');

  const block = fabrica.client.workflow.getHandle('production/shown/block/1');
  const summaries = (await block.fetchHistory()).events
    ?.filter((event) => event.activityTaskScheduledEventAttributes)
    .map((event) => Buffer.from(event.userMetadata?.summary?.data ?? '').toString());
  expect(summaries).not.toContain('');
  expect(summaries).toContainEqual(
    expect.stringMatching(/^"bundle \d+: \d jobs? at (KMI|PNNL|UVic)"$/),
  );
});

test('all histories of these productions replay with the same code', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const results = Worker.runReplayHistories(
    {
      workflowBundle: { codePath: path.resolve('dist/workflows/bundle.js') },
      dataConverter: { payloadConverterPath: path.resolve('dist/workflows/payload-converter.js') },
    },
    fabrica.client.workflow.list().intoHistories({ concurrency: 4 }),
  );
  const failures: string[] = [];
  let replayed = 0;
  for await (const result of results) {
    replayed++;
    if (result.error !== undefined) failures.push(`${result.workflowId}: ${result.error.message}`);
  }
  expect(failures).toEqual([]);
  expect(replayed).toBeGreaterThan(20);
}, 60_000);
