import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { standaloneActivities } from '../../client/temporal/standalone-activities.js';
import { findProduction } from '../../catalog/productions.js';
import { viewJob } from '../../catalog/views/job-view.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

const job = (name: string, number: number) =>
  fabrica.catalog.read(async (db) => {
    const production = await findProduction(db, name);
    if (production === undefined) throw new Error(`no ${name}`);
    return viewJob(db, production, number, Date.now());
  });

const bundles = (name: string) =>
  fabrica.catalog.read((db) =>
    db
      .selectFrom('bundles as b')
      .innerJoin('productions as p', 'p.id', 'b.production_id')
      .select(['b.id', 'b.submitted_at', 'b.placed_at', 'b.cleared_at'])
      .where('p.name', '=', name)
      .execute(),
  );

/** Folders of jobs that are left at sites. */
function jobFolders(): string[] {
  return readdirSync(fabrica.folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    path.basename(name).startsWith('wrapper.'),
  );
}

describe('logs of jobs', () => {
  test('of failed attempts are archived when the site forgets them, and found there', async () => {
    const handle = await fabrica.start(
      smallProduction('failing', {
        behaviour: `console.error('event one\\nno such field: \\u001b[31mX'); if (attempt === 1 && job % 3 === 0) process.exit(3);`,
      }),
    );
    expect(await handle.result()).toMatchObject({ state: 'Completed' });
    await fabrica.audit('failing', 100);
    const [failed] = (await job('failing', 3)).attempts;
    expect(failed).toMatchObject({ class: 'payload-error', log: { at: 'archive' } });
    const [replica] = failed?.log.replicas ?? [];
    const log = await standaloneActivities(fabrica.client).storage(
      replica?.storage ?? '',
      'readArchivedLog',
      { storage: '', path: '', ...replica, job: 3, attempt: 1, part: 'tail' },
    );
    expect(log?.text).toContain('no such field: ?[31mX');
    for (const bundle of await bundles('failing')) {
      expect(bundle.submitted_at).toBeGreaterThanOrEqual(bundle.placed_at);
      expect(bundle.cleared_at).toBeGreaterThanOrEqual(bundle.submitted_at ?? Infinity);
    }
    expect(jobFolders()).toEqual([]);
  });

  test('of rejected scouts stay readable', async () => {
    const handle = await fabrica.start(
      smallProduction('hopeless', { behaviour: `console.error('no beam'); process.exit(9);` }),
    );
    expect(await handle.result()).toMatchObject({ state: 'Rejected' });
    await fabrica.audit('hopeless', ['--state', 'Rejected']);
    const attempts = (await job('hopeless', 1)).attempts;
    expect(attempts.map((one) => one.log.at)).toEqual(attempts.map(() => 'archive'));
  });

  test('of what had failed before a person cancels are archived, and nothing is left at the sites', async () => {
    const handle = await fabrica.start(
      smallProduction('cancelled', {
        scouts: { jobs: 0 },
        behaviour: `if (job === '1') process.exit(3); sleep(60000);`,
      }),
    );
    await until(handle, (progress) => (progress.failures['payload-error'] ?? 0) > 0);
    await handle.signal('cancel');
    expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
    expect((await job('cancelled', 1)).attempts[0]?.log.at).toBe('archive');
    expect((await bundles('cancelled')).filter((one) => one.cleared_at === null)).toEqual([]);
    expect(jobFolders()).toEqual([]);
  });

  test('after the workflows were terminated the next life tidies up', async () => {
    const handle = await fabrica.start(
      smallProduction('terminated', {
        events: 150,
        scouts: { jobs: 0 },
        behaviour: 'sleep(500);',
      }),
    );
    await until(handle, (progress) => (progress.jobs.Done ?? 0) > 1);
    // The production first: one that sees its block fail holds itself and waits for its manager.
    await handle.terminate();
    const block = fabrica.client.workflow.getHandle('production/terminated/block/0');
    await block.result().catch(() => undefined);
    const again = await fabrica.client.workflow.start('production', {
      taskQueue: 'fabrica',
      workflowId: 'production/terminated',
      args: [{ production: 'terminated', by: 'test' }],
    });
    expect(await again.result()).toMatchObject({ state: 'Completed' });
    expect((await bundles('terminated')).filter((one) => one.cleared_at === null)).toEqual([]);
    expect(jobFolders()).toEqual([]);
  }, 30_000);
});
