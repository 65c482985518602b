import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginEpoch } from '../../../catalog/epochs.js';
import { syncResources } from '../../../catalog/resources.js';
import { ControlRoom, definition } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

/** As the next control process finds the catalog after a restore. */
async function restored(): Promise<string> {
  room.clock.pass(60);
  const { catalog, clock } = room;
  catalog.epoch = await catalog.write((db) =>
    beginEpoch(db, { why: 'a test', who: 'tester', known: [], now: clock.now() }),
  );
  return catalog.epoch;
}

const held = { type: 'FABRICA_CATALOG_EPOCH', nonRetryable: false };

describe('after a restore', () => {
  it('nothing goes on before the recovery, for the old epoch or the new one', async () => {
    const ref = await room.register();
    await room.step(ref);
    const epoch = await restored();
    await expect(room.step(ref)).rejects.toMatchObject(held);
    await expect(room.step({ ...ref, epoch })).rejects.toMatchObject(held);
    await room.do.concludeRecovery({ by: 'tester', silent: [] });
    await expect(room.step(ref)).rejects.toMatchObject(held);
    await expect(room.step({ ...ref, epoch })).resolves.toMatchObject({ state: 'Scouting' });
  });

  it('jobs that were under way wait again, uncharged, and what they may have left is noted where it lies', async () => {
    const old = await room.register();
    await room.step(old);
    await room.do.openBlock({ ...old, block: 0 });
    const { bundles } = await room.place(old, 0);
    expect(bundles.length).toBeGreaterThan(0);
    const epoch = await restored();
    const { ended, more } = await room.do.endEarlierAttempts();
    expect(more).toBe(false);
    expect(ended).toBe(2);
    expect(await room.do.endEarlierAttempts()).toEqual({ ended: 0, more: false });
    expect(await room.rows('select distinct state, charged, attempt from jobs')).toEqual([
      { state: 'Waiting', charged: 0, attempt: 1 },
    ]);
    expect(await room.rows('select distinct state, class from attempts')).toEqual([
      { state: 'Cancelled', class: null },
    ]);
    const remnants = await room.rows<{ path: string }>('select path from remnants');
    expect(remnants.length).toBeGreaterThan(0);
    for (const { path } of remnants) expect(path.startsWith(`/${old.epoch}/`)).toBe(true);

    await room.do.concludeRecovery({ by: 'tester', silent: [] });
    for (const site of (await room.do.planRecovery()).sites) {
      await room.do.recordRetired({ epoch, site, ended: 0 });
    }
    const again = await room.place({ ...old, epoch }, 0);
    const orders = again.bundles.flatMap((order) => order.ranges);
    expect(orders.map(({ attempt }) => attempt)).toEqual(orders.map(() => 2));
    for (const order of again.bundles) expect(order.epoch).toBe(epoch);
  });

  it('a site gets no jobs before it was asked for those of earlier epochs', async () => {
    const old = await room.register();
    await room.step(old);
    await room.do.openBlock({ ...old, block: 0 });
    const epoch = await restored();
    const plan = await room.do.planRecovery();
    expect(plan).toMatchObject({ epoch, earlier: [old.epoch] });
    expect(plan.sites).toEqual(['KMI', 'PNNL', 'UVic']);
    await room.do.concludeRecovery({ by: 'tester', silent: [{ name: 'KMI', why: 'down' }] });
    const ref = { ...old, epoch };
    await expect(room.place(ref, 0)).rejects.toMatchObject({ type: 'FABRICA_PLACE_WAIT' });
    await room.do.recordRetired({ epoch, site: 'UVic', ended: 3 });
    const { bundles } = await room.place(ref, 0);
    expect(new Set(bundles.map(({ site }) => site))).toEqual(new Set(['UVic']));
    expect((await room.do.planRecovery()).sites).toEqual(['KMI', 'PNNL']);
  });

  it('a site that is configured only then was perhaps known before, and is asked as well', async () => {
    await restored();
    const [site] = room.configuration.sites;
    if (site === undefined) throw new Error('no site');
    const sites = [...room.configuration.sites, { ...site, name: 'NEW' }];
    await room.catalog.write((db) => syncResources(db, { ...room.configuration, sites }, 0));
    expect((await room.do.planRecovery()).sites).toContain('NEW');
  });

  it('files of earlier epochs that are catalogued or noted are told from those that are not', async () => {
    const ref = await room.register();
    await room.complete(ref);
    const [known] = await room.rows<{ storage: string; path: string }>('select * from replicas');
    await restored();
    const { path = '', storage = '' } = known ?? {};
    const paths = [path, `/${ref.epoch}/dark`];
    expect(await room.do.unknownOfEarlier({ storage, paths })).toEqual([`/${ref.epoch}/dark`]);
  });

  it('payload files stay where they are, and are found there', async () => {
    const payload = {
      name: 'gen.mjs',
      lfn: '/belle/sandbox/aa/aaaa/gen.mjs',
      storage: 'KMI-DISK',
      size: 10,
      adler32: '00000001',
    };
    const old = await room.register(definition({ fabrication: { payload: [payload] } }));
    await room.step(old);
    await room.do.openBlock({ ...old, block: 0 });
    const epoch = await restored();
    for (const site of (await room.do.planRecovery()).sites) {
      await room.do.recordRetired({ epoch, site, ended: 0 });
    }
    await room.do.concludeRecovery({ by: 'tester', silent: [] });
    const { bundles } = await room.place({ ...old, epoch }, 0);
    const path = `/${old.epoch}${payload.lfn}`;
    expect(bundles[0]?.recipe.payload[0]?.replicas).toEqual([{ storage: 'KMI-DISK', path }]);
  });
});
