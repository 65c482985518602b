import path from 'node:path';
import type { KyselyPlugin } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Catalog } from '../../../catalog/catalog.js';
import { openCatalog } from '../../../catalog/open.js';
import { codeOf, ControlRoom, definition, good, type Outcome, type Ref } from './control-room.js';

let read = 0;
const counting: KyselyPlugin = {
  transformQuery: ({ node }) => node,
  transformResult: ({ result }) => {
    read += result.rows.length;
    return Promise.resolve(result);
  },
};

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open(async ({ clock, folder }) => {
    const file = path.join(folder, 'catalog.db');
    const { db, epoch } = await openCatalog({ file, clock });
    return new Catalog(db.withPlugin(counting), file, clock, epoch);
  });
  ref = await room.register(definition({ events: 40_000, scouts: { jobs: 0 } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
  await room.change(`
    insert into jobs (production_id, number, block, kind, state, attempt, charged, seed, first_event, events, file_index,
                      not_before, avoid, raised)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
    select production_id, 10000 + i, block, kind, 'Waiting', 0, 0, 10000 + i, 100000 + i, 1, 10000 + i, 0, '[]', 0
    from n, jobs where number = 1`);
});
afterEach(() => room.close());

/** Rows that a look reads, and how many jobs it sends. */
async function look(): Promise<{ rows: number; sent: number }> {
  const before = read;
  let sent = 0;
  try {
    const { bundles } = await room.place(ref, 0);
    for (const { ranges } of bundles) for (const { count } of ranges) sent += count;
  } catch (error) {
    if (codeOf(error) !== 'FABRICA_PLACE_WAIT') throw error;
  }
  return { rows: read - before, sent };
}

it('a look for work reads no more jobs than go', async () => {
  const { rows, sent } = await look();
  expect(sent).toBeGreaterThan(0);
  expect(rows).toBeLessThan(100 + 10 * sent);
  expect(await look()).toMatchObject({ sent: 0 });
  const again = await look();
  expect(again.sent).toBe(0);
  expect(again.rows).toBeLessThan(50);
});

it('finds a job that may go to the free site behind many that avoid it', async () => {
  await look();
  const [{ site, bundle }] = (await room.rows<{ site: string; bundle: number }>(
    'select site, id as bundle from bundles limit 1',
  )) as [{ site: string; bundle: number }];
  await room.change(
    `update jobs set avoid = '["${site}"]' where state = 'Waiting' and number < 14000`,
  );
  const { bundles } = await room.do.openBlock({ ...ref, block: 0 });
  const order = bundles.find((one) => one.bundle === bundle)!;
  // Longer ones than the sites would queue many of.
  const long: Outcome = (job, one) => ({ ...good(job, one), endedAt: 3_600_000 });
  await room.settle(order, room.report(order, long));
  const placed = await room.place(ref, 0);
  expect(placed.bundles.map((one) => one.site)).toEqual([site]);
  expect(placed.bundles[0]?.ranges[0]?.job).toBe(14_000);
});
