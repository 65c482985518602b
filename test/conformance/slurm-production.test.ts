import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../../domain/clock.js';
import type { Configuration } from '../../domain/configuration.js';
import { silentLog } from '../../domain/log.js';
import { SlurmComputeElement } from '../../grid/compute/slurm/element.js';
import { allEnded, attemptOf } from '../grid/compute/job-fixture.js';
import { startSlurm, type SlurmServer } from '../servers/slurm.js';
import { smallProduction, startSystem, until, type TestSystem } from '../system/running-system.js';

let slurm: SlurmServer;
let fabrica: TestSystem;

beforeAll(async () => {
  slurm = await startSlurm({ cpus: 8, maxArraySize: 1001 });
  // Site workers inherit it.
  Object.assign(process.env, slurm.environment);
  fabrica = await startSystem(onSlurm);
});
afterAll(async () => {
  await fabrica.end();
  await slurm.end();
  delete process.env['SLURM_CONF'];
});

/** The default grid with one site only, which is of Slurm. */
function onSlurm(configuration: Configuration): Configuration {
  return {
    ...configuration,
    sites: configuration.sites.slice(0, 1).map((site) => ({
      ...site,
      slots: 8,
      compute: {
        ...{ kind: 'slurm', partition: 'prod', options: ['--nice=1'] },
        folder: mkdtempSync(path.join(slurm.folder, 'site-')),
      },
    })),
  };
}

test('a production runs at a site of Slurm, and its controller is killed and comes back in the middle', async () => {
  const handle = await fabrica.start(
    smallProduction('batch', {
      events: 150,
      behaviour: `sleep(300); if (Number(job) % 9 === 0 && attempt === 1) process.exit(3);`,
    }),
  );
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) >= 5, 60);
  await slurm.kill();
  await sleep(3000);
  await slurm.start();
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('batch', 150);
  // What the controller has forgotten to have ended starts again, and leaves at once.
  await vi.waitUntil(() => !slurm.run('squeue', '-h', '-o', '%k').includes('.batch.'), {
    timeout: 60_000,
    interval: 200,
  });
}, 180_000);

/** Slurm looks at time limits every half a minute: with the longer run only. */
const isLong = Number(process.env['FABRICA_SLURM_ROUNDS'] ?? 1) > 1;

test.runIf(isLong)(
  'a job that runs into the time limit of its batch job is told as such (FABRICA_SLURM_ROUNDS)',
  async () => {
    const folder = mkdtempSync(path.join(slurm.folder, 'limited-'));
    const element = new SlurmComputeElement({
      ...{ site: 'LIMITED', slots: 1, folder: path.join(folder, 'jobs'), clock: systemClock },
      ...{ submission: { options: [] }, log: silentLog },
    });
    try {
      const name = 'e1000000.limited.1.1';
      const job = attemptOf(name, { seconds: 100 }, path.join(folder, 'ran'));
      const [submitted] = await element.submit([job]);
      await vi.waitUntil(async () => (await element.poll([name]))[0]?.state === 'running', {
        ...{ timeout: 30_000, interval: 200 },
      });
      slurm.run('scontrol', 'update', `jobid=${submitted?.ceId ?? ''}`, 'EndTime=now+1');
      const [status] = await allEnded(element, [name]);
      expect(status?.symptom).toMatchObject({
        ...{ step: 'wall-limit', reason: expect.stringContaining('TIMEOUT') as string },
      });
    } finally {
      await element.close();
    }
  },
  120_000,
);
