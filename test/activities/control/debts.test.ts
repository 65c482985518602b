import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlRoom, definition, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition());
  await room.complete(ref);
  await room.do.concludeAudit({ ...ref, discrepancies: [] });
});
afterEach(() => room.close());

const insert = (path: string, state: string, storage = 'KMI-TMP') =>
  room.change(
    `insert into remnants (production_id, block, storage, path, shape, state, why, since)
     values (1, 0, '${storage}', '${path}', 'file', '${state}', 'left', 0)`,
  );
const due = async (all = false): Promise<string[]> => (await room.do.debtorsDue({ all })).storages;
const plan = (storage: string, after = 0) =>
  room.do.planPayment({ epoch: ref.epoch, storage, after });
const close = (storage: string, failure: string) =>
  room.do.closePayment({ epoch: ref.epoch, storage, paid: 0, failure });

describe('debts', () => {
  it('are what ended productions have left: pending remnants and condemned replicas', async () => {
    expect(await due()).toEqual([]);
    await insert('/a', 'Pending');
    await room.change(
      `update replicas set state = 'Removing' where file_id = (select max(file_id) from replicas)`,
    );
    const [copy] = await room.rows<{ storage: string; path: string }>(
      `select storage, path from replicas where state = 'Removing' order by storage`,
    );
    expect(await due()).toContain('KMI-TMP');
    expect(await due()).toContain(copy?.storage);
    expect((await plan(copy?.storage ?? '')).paths).toEqual([{ path: copy?.path, shape: 'file' }]);
    const before = await room.dump();
    await due();
    expect(await room.dump()).toEqual(before);
  });

  it('are not what a live production removes itself', async () => {
    const other = await room.register(definition({ name: 'live', scouts: { jobs: 0 } }));
    await room.step(other);
    await room.change(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       values (2, 0, 'KMI-TMP', '/b', 'file', 'Pending', 'left', 0)`,
    );
    expect(await due()).toEqual([]);
  });

  it('are gone with their confirmation, and the refused ones stay with the reason', async () => {
    await insert('/a', 'Debt');
    await insert('/b', 'Debt');
    await room.do.recordPayment({
      ...{ epoch: ref.epoch, storage: 'KMI-TMP', gone: ['/a'] },
      refused: [{ path: '/b', reason: 'permission denied' }],
    });
    expect(await room.rows('select path, why from remnants')).toEqual([
      { path: '/b', why: 'permission denied' },
    ]);
  });

  it('come page by page', async () => {
    await room.change(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       with recursive n(i) as (select 1 union all select i + 1 from n where i < 1100)
       select 1, 0, 'KMI-TMP', '/p/' || i, 'file', 'Debt', '', 0 from n`,
    );
    const seen: string[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: Awaited<ReturnType<typeof plan>> = await plan('KMI-TMP', after);
      seen.push(...page.paths.map(({ path }) => path));
      after = page.next;
    }
    expect(new Set(seen).size).toBe(1100);
    expect(seen).toHaveLength(1100);
  });

  it('are asked for less and less often while the storage is silent, and whenever a person asks', async () => {
    await insert('/a', 'Debt');
    const waits: number[] = [];
    for (let tries = 1; tries <= 7; tries++) {
      await close('KMI-TMP', 'it does not answer');
      expect(await due(true)).toEqual(['KMI-TMP']);
      let hours = 0;
      for (; (await due()).length === 0; hours++) room.clock.pass(3600);
      waits.push(hours);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 24, 24]);
    await close('KMI-TMP', '');
    expect(await due()).toEqual(['KMI-TMP']);
    expect(await room.rows('select * from debtors')).toEqual([]);
  });

  it('of a catalog of another epoch are not touched', async () => {
    await expect(
      room.do.planPayment({ epoch: 'e0000000', storage: 'KMI-TMP', after: 0 }),
    ).rejects.toMatchObject({ type: 'FABRICA_CATALOG_EPOCH' });
  });
});
