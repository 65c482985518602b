import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startChangedSystem } from './changed-system.js';
import { smallProduction, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  // What a server says of thousands of events, at some dozens.
  const text = 'continueAsNewSuggested';
  const soon = [
    { file: 'workflows/flights.js', text, by: 'historyLength > 40' },
    { file: 'workflows/audit.js', text, by: 'historyLength > 4' },
  ];
  fabrica = await startChangedSystem(soon);
}, 60_000);
afterAll(() => fabrica.end());

async function runsOf(type: string): Promise<string[]> {
  const runs: string[] = [];
  for await (const one of fabrica.client.workflow.list({ query: `WorkflowType = '${type}'` })) {
    runs.push(one.status.name);
  }
  return runs;
}

test('blocks and audits go on in another run before their histories are long, with nothing lost or done twice', async () => {
  const handle = await fabrica.start(
    smallProduction('long', {
      events: 300,
      scouts: { jobs: 0 },
      behaviour: `sleep(100 + Number(job) * 20 % 300); if (Number(job) % 7 === 0 && attempt === 1) process.exit(3);`,
      fabrication: { eventsPerJob: 5 },
      throttle: { maxRunningJobs: 4 },
    }),
  );
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  for (const type of ['block', 'audit']) {
    // Temporal lists an end a little after it.
    await vi.waitFor(
      async () => {
        const runs = await runsOf(type);
        const goneOn = runs.filter((state) => state === 'CONTINUED_AS_NEW');
        expect(goneOn.length, type).toBeGreaterThan(1);
        expect(new Set(runs), type).toEqual(new Set(['CONTINUED_AS_NEW', 'COMPLETED']));
      },
      { timeout: 10_000, interval: 250 },
    );
  }
  const attempts = await fabrica.catalog.read((db) =>
    db.selectFrom('attempts').select(['job', 'attempt', 'state', 'class']).execute(),
  );
  const ended = new Set(attempts.map(({ class: failure, state }) => `${state} ${failure}`));
  expect(ended).toEqual(new Set(['Done null', 'Failed payload-error']));
  await fabrica.audit('long', 300);
}, 180_000);
