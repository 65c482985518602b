import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { independentAudit } from './independent-audit.js';
import { smallProduction, until } from './running-system.js';
import { fabrica, killEverything, startUp, stateDirectory, type Up } from './up-process.js';

const EVENTS = 1200;

const standard = smallProduction('survivor', {
  events: EVENTS,
  behaviour: `sleep(400); if (attempt === 1 && job % 7 === 0) process.exit(3);`,
  scouts: { jobs: 4 },
});
const definition = { ...standard, merge: { ...standard.merge, targetEvents: 300 } };

async function interrupted(state: string, jobs: boolean): Promise<Up> {
  const up = await startUp(state);
  const handle = await up.client.workflow.start('production', {
    taskQueue: 'fabrica',
    workflowId: 'production/survivor',
    args: [{ definition, by: 'test' }],
  });
  await until(handle, (progress) => (progress.jobs.Done ?? 0) >= 20, 40);
  await killEverything(state, up, jobs);
  return up;
}

/** The production ends as if nothing had happened. */
async function finishes(state: string, up: Up): Promise<void> {
  const result: unknown = await up.client.workflow.getHandle('production/survivor').result();
  expect(result).toMatchObject({ state: 'Completed' });
  await up.close();
  const asked = ['--expect-events', String(EVENTS), '--content', 'jsonl'];
  await independentAudit(path.join(state, 'catalog.db'), 'survivor', ...asked);
}

// They wait for most of their time: for jobs, and until the dead are noticed.
test.concurrent.for([
  ['the jobs live on and are adopted', false],
  ['the jobs die as well and run again', true],
] as const)(
  'after a SIGKILL of everything the next `up` finishes the production: %s',
  { timeout: 150_000 },
  async ([, jobs], context) => {
    const state = stateDirectory(context);
    await interrupted(state, jobs);

    const up = await startUp(state);
    await finishes(state, up);
  },
);

test.concurrent(
  'after the loss of the Temporal state `fabrica recover` finishes the production',
  async (context) => {
    const state = stateDirectory(context);
    await interrupted(state, false);
    for (const end of ['', '-wal', '-shm'])
      rmSync(path.join(state, `temporal.db${end}`), { force: true });

    const up = await startUp(state);
    expect(await fabrica(state, 'recover')).toMatchObject({
      recovered: null,
      restarted: ['survivor'],
    });
    await finishes(state, up);
  },
  150_000,
);
