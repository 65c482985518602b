import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulationSchema } from '../../domain/simulation.js';
import { smallProduction, startSystem, type TestSystem } from './running-system.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem((standard) => {
    const storages = ['TMP', 'DISK'];
    const site = { ...standard.sites[0]!, slots: 50, storages };
    return {
      ...standard,
      // Jobs of two seconds, in blocks of four times the slots.
      simulation: simulationSchema.parse({ speed: 3600, secondsPerEvent: { median: 720 } }),
      sites: [{ ...site, name: 'SITE', compute: { kind: 'simulated', outages: [] } }],
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

test('the next block is planned while jobs of the one before still start: slots do not idle in between', async () => {
  const handle = await fabrica.start(
    smallProduction('blocks', {
      events: 6_000,
      fabrication: { command: ['make', '{seed}', '{output}'], eventsPerJob: 10 },
      distribution: { copies: 1, areas: [] },
    }),
  );
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const blocks = await fabrica.catalog.read((db) =>
    db
      .selectFrom('blocks')
      .innerJoin('jobs', 'jobs.block', 'blocks.number')
      .innerJoin('attempts', 'attempts.job', 'jobs.number')
      .select((eb) => [
        'blocks.number',
        'blocks.created_at as planned',
        eb.fn.max('attempts.started_at').as('lastStart'),
      ])
      .where('jobs.kind', '=', 'fabrication')
      .groupBy('blocks.number')
      .orderBy('blocks.number')
      .execute(),
  );
  expect(blocks.length).toBeGreaterThan(2);
  for (const [i, { planned }] of blocks.entries()) {
    const before = blocks.slice(0, i).map(({ lastStart }) => lastStart ?? 0);
    if (i > 0) expect(planned).toBeLessThan(Math.max(...before));
  }
}, 120_000);
