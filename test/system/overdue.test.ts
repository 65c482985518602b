import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChangedSystem } from './changed-system.js';
import { smallProduction, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  // Jobs of a second would wait for twenty before anybody minds.
  const file = 'policy/queue-patience.js';
  const impatient = [
    { file, text: 'LEAST = 3600', by: 'LEAST = 1' },
    { file, text: 'TIMES = 4', by: 'TIMES = 0.1' },
  ];
  fabrica = await startChangedSystem(impatient);
}, 60_000);
afterAll(() => fabrica.end());

test('jobs that wait too long behind others are withdrawn, and run where there is room', async () => {
  const handle = await fabrica.start(
    smallProduction('overdue', {
      events: 150,
      scouts: { jobs: 0 },
      behaviour: `sleep(process.env.FABRICA_SITE === 'KMI' ? 12000 : 200);`,
    }),
  );
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const attempts = await fabrica.catalog.read((db) =>
    db.selectFrom('attempts').select(['job', 'attempt', 'site', 'state', 'class']).execute(),
  );
  const withdrawn = attempts.filter(({ state }) => state === 'Cancelled');
  expect(withdrawn.length).toBeGreaterThan(0);
  expect(withdrawn.every(({ class: failure, site }) => failure === null && site === 'KMI')).toBe(
    true,
  );
  for (const { attempt, job } of withdrawn) {
    const next = attempts.find((one) => one.job === job && one.attempt === attempt + 1);
    expect(next?.site).not.toBe('KMI');
  }
  const events = await fabrica.catalog.read((db) =>
    db.selectFrom('events').select(['what', 'why']).where('what', 'like', '%from KMI').execute(),
  );
  expect(events[0]?.why).toMatch(/^not started there in .* s, and other sites have room$/);
  await fabrica.audit('overdue', 150);
}, 90_000);
