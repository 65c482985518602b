import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { standaloneActivities } from '../../client/temporal/standalone-activities.js';
import { readUpRecord } from '../../worker/up-record.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

/** No storage is near it: the others serve them all. */
const SITE = 'GHOST';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem((standard) => ({
    ...standard,
    sites: [
      ...standard.sites,
      { ...standard.sites[0]!, name: SITE, storages: [], compute: { kind: 'local' as const } },
    ].map((site) => ({ ...site, lease: 3 })),
  }));
});
afterAll(async () => {
  signalSite('SIGCONT');
  await fabrica.end();
});

function signalSite(signal: NodeJS.Signals): void {
  const site = readUpRecord(fabrica.folder)?.children.find(({ name }) => name === `site ${SITE}`);
  if (site !== undefined) process.kill(site.pid, signal);
}

/** A job runs at the site. */
async function untilRunning(): Promise<void> {
  for (let i = 0; i < 400; i++) {
    const [running] = await fabrica.catalog.read((db) =>
      db
        .selectFrom('attempts')
        .select('job')
        .where('site', '=', SITE)
        .where('state', '=', 'Running')
        .execute(),
    );
    if (running !== undefined) return;
    await sleep(100);
  }
  throw new Error(`no job runs at ${SITE}`);
}

const uncleared = () =>
  fabrica.catalog.read((db) =>
    db.selectFrom('bundles').select(['id', 'site']).where('cleared_at', 'is', null).execute(),
  );

test('the jobs of a site that falls silent run elsewhere after its lease, and what it has of them is removed when it is back', async () => {
  const handle = await fabrica.start(
    smallProduction('silent', {
      events: 120,
      behaviour: `if (process.env.FABRICA_SITE === '${SITE}') sleep(20_000); else sleep(200);`,
      scouts: { jobs: 0 },
      fabrication: { limits: { wallTime: 60 } },
    }),
  );
  await untilRunning();
  // Its processes live, and answer nobody. What they are sent as long as the server takes them for alive is lost as well.
  signalSite('SIGSTOP');
  // Nothing more shall be sent there, as a person would see to it.
  const order = { site: SITE, state: 'Banned' as const, who: 'test', why: 'silent', until: null };
  await standaloneActivities(fabrica.client).control('setSiteOverride', order, 20);

  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const lost = await fabrica.catalog.read((db) =>
    db.selectFrom('attempts').select(['site', 'reason']).where('class', '=', 'lost').execute(),
  );
  expect(lost.length).toBeGreaterThan(0);
  for (const one of lost) {
    expect(one).toEqual({ site: SITE, reason: `nothing was heard of ${SITE} for 3 s` });
  }
  const charged = await fabrica.catalog.read((db) =>
    db.selectFrom('jobs').select('number').where('charged', '>', 0).execute(),
  );
  expect(charged).toEqual([]);
  expect((await uncleared()).map(({ site }) => site)).toContain(SITE);

  signalSite('SIGCONT');
  for (let i = 0; i < 400 && (await uncleared()).length > 0; i++) await sleep(100);
  expect(await uncleared()).toEqual([]);
  await fabrica.audit('silent', 120);
}, 280_000);
