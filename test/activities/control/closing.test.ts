import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { condemnLogs, expiredLogs } from '../../../catalog/logs.js';
import type { BundleOrder } from '../../../domain/bundle.js';
import type { ArchivedLogs, BundleClosing, ClearedBundle } from '../../../domain/log-archive.js';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition({ sites: ['KMI'], scouts: { jobs: 0 } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
});
afterEach(() => room.close());

const oneFails: Outcome = (job, order) =>
  job.job === 1 ? failing()(job, order) : good(job, order);

async function settled(outcome: Outcome): Promise<{ order: BundleOrder; closing: BundleClosing }> {
  const order = (await room.place(ref, 0)).bundles[0]!;
  const { closing } = await room.settle(order, room.report(order, outcome));
  if (closing === null) throw new Error('attempts are open');
  return { order, closing };
}

const close = (
  order: BundleOrder,
  end: Pick<ClearedBundle, 'archived' | 'lost' | 'submittedAt'>,
): Promise<void> => room.do.closeBundles({ ...order, bundles: [{ bundle: order.bundle, ...end }] });

const archiveOf = ({ archive, logs }: BundleClosing): ArchivedLogs => ({
  ...{ storage: archive.storages[0] ?? '', path: archive.path, size: 300, adler32: '0000abcd' },
  attempts: logs,
});

async function closed(outcome: Outcome = oneFails): Promise<BundleOrder> {
  const { order, closing } = await settled(outcome);
  const archived = closing.logs.length === 0 ? null : archiveOf(closing);
  await close(order, { archived, lost: '', submittedAt: 5 });
  return order;
}

const bundles = () =>
  room.rows<{ submitted_at: number | null; cleared_at: number | null; log_file: number | null }>(
    'select submitted_at, cleared_at, log_file from bundles order by id',
  );

describe('a bundle whose attempts have ended', () => {
  it('is to be forgotten, the logs of what failed are to be kept', async () => {
    const { order, closing } = await settled(oneFails);
    expect(closing.attempts).toEqual([{ job: 1, count: 3, attempt: 1 }]);
    expect(closing.logs).toEqual([{ job: 1, count: 1, attempt: 1 }]);
    expect(closing.archive.path).toBe(
      `/${ref.epoch}/belle/log/prod00000001/block0000/bundle${String(order.bundle).padStart(8, '0')}.tar.gz`,
    );
    const [home] = await room.rows<{ home_storage: string }>('select home_storage from blocks');
    expect(closing.archive.storages[0]).toBe(home?.home_storage);
  });

  it('has nothing to close while one is open', async () => {
    const order = (await room.place(ref, 0)).bundles[0]!;
    const answer = await room.settle(order, room.report(order, good).slice(0, 1));
    expect(answer.closing).toBeNull();
    await close(order, { archived: null, lost: '', submittedAt: null });
    expect((await bundles())[0]?.cleared_at).toBeNull();
  });

  it('has its times, its archive, and which logs are in that recorded, once', async () => {
    const order = await closed();
    expect(await bundles()).toEqual([
      { submitted_at: 5, cleared_at: room.clock.now(), log_file: expect.any(Number) as number },
    ]);
    expect(await room.rows('select job, log_kept, settled_at from attempts order by job')).toEqual([
      { job: 1, log_kept: 1, settled_at: room.clock.now() },
      { job: 2, log_kept: 0, settled_at: room.clock.now() },
      { job: 3, log_kept: 0, settled_at: room.clock.now() },
    ]);
    expect(
      await room.rows(
        `select f.kind, f.state, f.size, r.storage, r.state as replica from files f join replicas r on r.file_id = f.id
         where f.kind = 'log'`,
      ),
    ).toMatchObject([{ kind: 'log', state: 'Valid', size: 300, replica: 'Available' }]);
    const before = await room.dump();
    room.clock.pass(10);
    await close(order, { archived: null, lost: 'no', submittedAt: 9 });
    expect(await room.dump()).toEqual(before);
  });

  it('is flown again after its workflow was ended, until it is cleared', async () => {
    const { order, closing } = await settled(oneFails);
    const { bundles: again } = await room.do.openBlock({ ...ref, block: 0 });
    expect(again).toMatchObject([{ bundle: order.bundle, ranges: [] }]);
    expect((await room.settle(again[0]!, [])).closing).toEqual(closing);
    await close(order, { archived: null, lost: '', submittedAt: null });
    expect((await room.do.openBlock({ ...ref, block: 0 })).bundles).toEqual([]);
  });

  it('has a loss of its logs told in the event log', async () => {
    const { order } = await settled(oneFails);
    await close(order, { archived: null, lost: 'full', submittedAt: null });
    expect(await room.rows(`select why from events where what = 'logs of bundle 1 lost'`)).toEqual([
      { why: 'full' },
    ]);
  });

  it('that a person ends is closed as well', async () => {
    const order = (await room.place(ref, 0)).bundles[0]!;
    await room.settle(order, room.report(order, oneFails).slice(0, 1));
    const handles = await room.handles(ref, null);
    expect(handles).toMatchObject([{ attempts: [{ job: 2, count: 2, attempt: 1 }] }]);
    const closing = await room.do.recordEnded({ ...handles[0]!, reason: 'cancelled' });
    expect(closing).toMatchObject({
      attempts: [{ job: 1, count: 3, attempt: 1 }],
      logs: [{ job: 1, count: 1, attempt: 1 }],
    });
  });
});

describe('archives of logs', () => {
  const logs = () =>
    room.rows(
      `select f.state, r.state as replica from files f left join replicas r on r.file_id = f.id where kind = 'log'`,
    );

  it('expire, and are removed as everything that is condemned', async () => {
    await closed();
    const day = 86_400;
    const { catalog, clock } = room;
    const expired = (days: number) =>
      catalog.read((db) => expiredLogs(db, clock.now(), days * day, 10));
    clock.pass(10 * day);
    expect(await expired(11)).toEqual([]);
    const files = await expired(10);
    expect(files).toHaveLength(1);
    await catalog.write((db) => condemnLogs(db, files));
    expect(await logs()).toEqual([{ state: 'Invalid', replica: 'Removing' }]);
    expect(await expired(10)).toEqual([]);
    await room.remove(ref, null);
    expect(await logs()).toEqual([{ state: 'Removed', replica: null }]);
  });

  it('are condemned alone, whatever else is named', async () => {
    await closed();
    await room.catalog.write(async (db) => {
      const files = await db.selectFrom('files').select('id').execute();
      await condemnLogs(
        db,
        files.map((one) => one.id),
      );
    });
    expect(await room.rows(`select count(*) as n from replicas where state = 'Available'`)).toEqual(
      [{ n: 2 }],
    );
  });

  it.each([
    ['Rejected', 'Valid'],
    ['Cleaning', 'Invalid'],
  ])('of a production that is %s are %s', async (state, expected) => {
    await closed();
    await room.change(`update productions set state = '${state}'`);
    await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
    expect(await logs()).toMatchObject([{ state: expected }]);
  });

  it('that are missing or unknown hold no audit up, and are told', async () => {
    await closed(good);
    const directory = (await room.do.directoriesToAudit(ref)).directories.find((one) =>
      one.includes('/log/'),
    );
    expect(directory).toBe(`/${ref.epoch}/belle/log/prod00000001`);
    const conclude = (path: string) =>
      room.do.concludeAudit({
        ...ref,
        discrepancies: [{ kind: 'missing', text: 'gone', storage: 'KMI-TMP', path }],
      });
    expect(await conclude(`${directory}/block0000/bundle00000001.tar.gz`)).toMatchObject({
      passed: true,
      reason: expect.stringContaining('1 archive of logs missing') as string,
    });
    expect(await conclude(`/${ref.epoch}/belle/MC/x`)).toMatchObject({ passed: false });
  });
});
