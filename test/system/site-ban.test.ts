import { afterAll, beforeAll, expect, test } from 'vitest';
import { standaloneActivities } from '../../client/temporal/standalone-activities.js';
import { withdrawFromSite } from '../../client/temporal/site-withdrawal-run.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';
import { untilStarted } from './started-jobs.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

const attemptsAt = (site: string) =>
  fabrica.catalog.read((db) =>
    db
      .selectFrom('attempts')
      .select(['state', 'class', 'placed_at', 'started_at'])
      .where('site', '=', site)
      .execute(),
  );

test('a ban withdraws what waits at the site within seconds, and the jobs run elsewhere', async () => {
  const [site = ''] = fabrica.configuration.sites.map(({ name }) => name);
  const handle = await fabrica.start(
    smallProduction('banned', { events: 160, scouts: { jobs: 0 }, behaviour: 'sleep(3000);' }),
  );
  await untilStarted(fabrica, 'banned');
  const asked = Date.now();
  const word = { site, state: 'Banned', who: 'me@here', why: 'CVMFS', until: null } as const;
  await standaloneActivities(fabrica.client).control('setSiteOverride', word);
  const told = await withdrawFromSite(fabrica.client, { site, who: 'me@here', why: 'CVMFS' });
  expect(Date.now() - asked).toBeLessThan(5000);
  expect(told).toMatchObject({ silent: false });
  expect(told?.jobs).toBeGreaterThan(0);
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const there = await attemptsAt(site);
  const withdrawn = there.filter(({ state }) => state === 'Cancelled');
  expect(withdrawn).toHaveLength(told?.jobs ?? -1);
  expect(withdrawn.every((one) => one.class === null && one.started_at === null)).toBe(true);
  expect(there.filter(({ state }) => state === 'Done').length).toBe(
    there.length - withdrawn.length,
  );
  expect(there.every(({ placed_at }) => placed_at <= asked + 1000)).toBe(true);
  const events = await fabrica.catalog.read((db) =>
    db.selectFrom('events').select(['production_id', 'who', 'what', 'why']).execute(),
  );
  const what = new RegExp(`^site ${site}: ${told?.jobs} jobs? that had not started`);
  const notes = events.filter((event) => what.test(event.what));
  expect(notes).toHaveLength(2);
  expect(notes.every(({ who, why }) => who === 'me@here' && why === 'CVMFS')).toBe(true);
  await fabrica.audit('banned', 160);
}, 90_000);
