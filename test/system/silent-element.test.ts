import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulationSchema } from '../../domain/simulation.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

/** Simulated seconds per second. */
const SPEED = 3600;
const [GOOD, BAD] = ['GOOD', 'BAD'];

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem((standard) => {
    const site = { ...standard.sites[0]!, slots: 20 };
    const storages = ['TMP', 'DISK'];
    return {
      ...standard,
      simulation: simulationSchema.parse({ speed: SPEED, secondsPerEvent: { median: 720 } }),
      sites: [
        { ...site, name: GOOD, storages, compute: { kind: 'simulated', outages: [] } },
        { ...site, name: BAD, storages, lease: 4, compute: { kind: 'simulated', outages: [] } },
      ],
      storages: storages.map((name) => ({
        ...{ name, kind: 'simulated', area: site.area, outages: [] },
        ...{ purpose: name === 'TMP' ? 'temporary' : 'final', capacity: 1e15 },
        ...{ readOnly: false, slowness: 0, lies: 0 },
        root: path.join(standard.state, 'storages', name),
      })),
    };
  });
});
afterAll(() => fabrica.end());

/** What it remembers. */
function memory(): Database.Database {
  return new Database(path.join(fabrica.folder, 'sites', BAD, `${BAD}.db`));
}

/** The computing element has taken jobs; each takes seconds. */
async function untilTaken(): Promise<void> {
  const database = memory();
  const jobs = database.prepare<[], number>('select count(*) from jobs').pluck();
  for (let i = 0; i < 1000 && jobs.get() === 0; i++) await sleep(20);
  database.close();
}

/** It has not a word for anybody from now on. */
function silence(): void {
  const database = memory();
  database.prepare('update trouble set isOut = 1').run();
  database.close();
}

test('jobs at a computing element that does not answer any more run elsewhere after the lease', async () => {
  const handle = await fabrica.start(
    smallProduction('unanswered', {
      events: 800,
      scouts: { jobs: 0 },
      fabrication: { command: ['make', '{seed}', '{output}'], eventsPerJob: 20 },
      distribution: { copies: 1, areas: [] },
    }),
  );
  await untilTaken();
  silence();
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const lost = await fabrica.catalog.read((db) =>
    db.selectFrom('attempts').select(['site', 'reason']).where('class', '=', 'lost').execute(),
  );
  expect(lost.length).toBeGreaterThan(0);
  for (const one of lost) {
    expect(one).toEqual({ site: BAD, reason: `nothing was heard of ${BAD} for 4 s` });
  }
}, 120_000);
