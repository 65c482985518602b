import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING_PACKED } from '../../../domain/packed.js';
import { jobsOf } from '../../../domain/bundle.js';
import { ControlRoom, definition, failing, good } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

describe('a production', () => {
  it('goes from its scouts by its blocks to its audit, event for event', async () => {
    const ref = await room.register();
    await room.complete(ref);
    expect(await room.step(ref)).toMatchObject({ state: 'Completing', step: { do: 'audit' } });
    const conclusion = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(conclusion).toMatchObject({
      passed: true,
      state: 'Completed',
      reason: '60 of 60 events are made, distributed and verified',
      discrepancies: [],
    });
    expect(await room.step(ref)).toMatchObject({ step: { do: 'finish' } });

    const jobs = await room.rows<{ first_event: number; events: number }>(
      `select first_event, events from jobs where kind <> 'merge' order by number`,
    );
    expect(jobs).toEqual(
      [1, 11, 21, 31, 41, 51].map((first_event) => ({ first_event, events: 10 })),
    );
    const merged = await room.rows(
      `select sum(f.events) as events, count(*) as copies from files f
       join replicas r on r.file_id = f.id where f.kind = 'merged' and r.state = 'Available'`,
    );
    expect(merged).toEqual([{ events: 120, copies: 6 }]);
    expect(await room.rows('select * from remnants')).toEqual([]);
    expect(await room.rows(`select distinct state from files where kind = 'output'`)).toEqual([
      { state: 'Removed' },
    ]);
  });

  it('answers each step the same again while nothing has changed', async () => {
    const ref = await room.register();
    const first = await room.step(ref);
    expect(first.step).toEqual({ do: 'run', blocks: [0] });
    const before = await room.dump();
    expect(await room.step(ref)).toEqual(first);
    expect(await room.step(ref, [0])).toMatchObject({ step: { do: 'wait' } });
    expect(await room.dump()).toEqual(before);
  });

  it('is rejected for bad scouts with what befell each, and leaves nothing', async () => {
    const ref = await room.register();
    const { state, reason } = await room.scout(ref, failing({ reason: 'exit 1: no such table' }));
    expect(state).toBe('Rejected');
    expect(reason).toBe('0 of 2 scouts succeeded, 90 % are needed; the others: 2 payload-error');
    const [verdict] = await room.rows<{ data: string }>(
      `select data from events where what = 'Scouting -> Rejected'`,
    );
    expect(JSON.parse(verdict?.data ?? '')).toMatchObject({
      failures: [
        { job: 1, class: 'payload-error', reason: 'exit 1: no such table' },
        { job: 2, class: 'payload-error', reason: 'exit 1: no such table' },
      ],
    });
    await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
    await room.remove(ref, null);
    await room.do.recordEnd(ref);
    expect(
      await room.rows('select path from replicas union all select path from remnants'),
    ).toEqual([]);
    expect(await room.step(ref)).toMatchObject({ state: 'Rejected', step: { do: 'finish' } });
  });

  it('does without late scouts at the deadline: their block is stopped first', async () => {
    const ref = await room.register(definition({ scouts: { minimumSuccess: 0.5 } }));
    await room.step(ref);
    await room.do.openBlock({ ...ref, block: 0 });
    const { bundles } = await room.place(ref, 0);
    const [first] = bundles;
    await room.settle(first!, room.report(first!, good));
    room.clock.pass(86_400);
    expect((await room.step(ref, [0])).step).toEqual({ do: 'stop', block: 0 });
    for (const handle of await room.handles(ref, 0)) {
      await room.do.recordEnded({ ...ref, bundle: handle.bundle, reason: 'deadline' });
    }
    expect(await room.step(ref)).toMatchObject({ state: 'Active', step: { do: 'run' } });
    await room.complete(ref);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
  });

  it('gives the jobs of two productions of a campaign distinct seeds', async () => {
    const refs = [
      await room.register(),
      await room.register(definition({ name: 'taupair' })),
      await room.register(definition({ name: 'elsewhere', dataset: { campaign: 'MC17' } })),
    ];
    await Promise.all(refs.slice(0, 2).map((ref) => room.scout(ref)));
    for (const ref of refs) await room.complete(ref);
    const seeds = await room.rows<{ campaign: string; seed: number }>(
      `select p.campaign, j.seed from jobs j join productions p on p.id = j.production_id
       where j.kind <> 'merge' order by p.campaign, j.seed`,
    );
    const upTo = (campaign: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ campaign, seed: i + 1 }));
    expect(seeds).toEqual([...upTo('MC16', 12), ...upTo('MC17', 6)]);
  });

  it('is refused for another epoch, to be repeated after a recovery', async () => {
    const ref = await room.register();
    const before = await room.dump();
    const old = { ...ref, epoch: 'e000000' };
    const refusal = { type: 'FABRICA_CATALOG_EPOCH', nonRetryable: false };
    const at = { ...old, block: 0 };
    await expect(room.step(old)).rejects.toMatchObject(refusal);
    await expect(room.do.openBlock(at)).rejects.toMatchObject(refusal);
    await expect(room.place(old, 0)).rejects.toMatchObject(refusal);
    await expect(
      room.do.settle({ ...at, bundle: 1, reports: NOTHING_PACKED }),
    ).rejects.toMatchObject(refusal);
    const removals = { ...old, block: null, except: [], gone: [] };
    await expect(room.do.planRemovals(removals)).rejects.toMatchObject(refusal);
    expect(await room.dump()).toEqual(before);
  });

  it('is unknown if nobody registered it', async () => {
    await expect(
      room.step({ epoch: room.catalog.epoch, production: 'nobody' }),
    ).rejects.toMatchObject({ type: 'FABRICA_PRODUCTION_UNKNOWN', nonRetryable: true });
  });
});

describe('place', () => {
  it('gives the same bundles for the same ticket, and new ones for the next', async () => {
    const ref = await room.register(definition({ events: 1000, scouts: { jobs: 0 } }));
    await room.step(ref);
    await room.do.openBlock({ ...ref, block: 0 });
    const first = await room.place(ref, 0, 'events', 'ticket');
    const before = await room.dump();
    room.clock.pass(5);
    expect(await room.place(ref, 0, 'events', 'ticket')).toEqual(first);
    expect(await room.dump()).toEqual(before);
    const placed = first.bundles.flatMap((order) => [...jobsOf(order.ranges)]);
    expect(placed.length).toBe(9);
    expect(first.waiting).toBe(91);
    expect(new Set(placed.map((job) => job.seed)).size).toBe(9);

    await expect(room.place(ref, 0)).rejects.toMatchObject({
      type: 'FABRICA_PLACE_WAIT',
      nonRetryable: false,
    });
    for (const order of first.bundles) await room.settle(order, room.report(order));
    const next = await room.place(ref, 0, 'events', 'ticket 2');
    const numbers = next.bundles.flatMap((order) =>
      [...jobsOf(order.ranges)].map((one) => one.job),
    );
    expect(placed.filter((job) => numbers.includes(job.job))).toEqual([]);
  });

  it('sends nothing to a banned site, and again when the ban has expired', async () => {
    const ref = await room.register(definition({ events: 300, scouts: { jobs: 0 } }));
    await room.step(ref);
    await room.do.openBlock({ ...ref, block: 0 });
    const until = room.clock.now() + 60_000;
    const ban = { site: 'KMI', state: 'Banned', who: 'me', why: 'disk', until } as const;
    await room.do.setSiteOverride(ban);
    const sites = async () => (await room.place(ref, 0)).bundles.map((order) => order.site).sort();
    expect(await sites()).toEqual(['PNNL', 'UVic']);
    room.clock.pass(61);
    expect(await sites()).toEqual(['KMI']);
    await expect(room.do.setSiteOverride({ ...ban, site: 'CERN' })).rejects.toMatchObject({
      type: 'FABRICA_SITE_UNKNOWN',
    });
  });

  it('tells the ban before a second one, keeps its reason where none is given, and logs both', async () => {
    const ban = (who: string, why: string, until: number | null = null) =>
      room.do.setSiteOverride({ site: 'KMI', state: 'Banned', who, why, until });
    const unban = () =>
      room.do.setSiteOverride({ site: 'KMI', state: null, who: 'bob', why: '', until: null });
    const now = room.clock.now();
    const events = () => room.rows(`select who, what, why from events where what like 'site KMI%'`);
    expect(await unban()).toEqual({ before: null, changed: false });
    expect(await ban('ann', 'disk')).toEqual({ before: null, changed: true });
    const first = { state: 'Banned', by: 'ann', reason: 'disk', since: now, until: null };
    room.clock.pass(60);
    expect(await ban('bob', '')).toEqual({ before: first, changed: false });
    expect(await ban('bob', '', now + 120_000)).toEqual({ before: first, changed: true });
    const second = { ...first, by: 'bob', since: now + 60_000, until: now + 120_000 };
    expect(await ban('cy', 'CVMFS')).toEqual({ before: second, changed: true });
    expect(await unban()).toMatchObject({ before: { by: 'cy', reason: 'CVMFS' }, changed: true });
    expect(await events()).toEqual([
      { who: 'ann', what: 'site KMI Banned', why: 'disk' },
      { who: 'bob', what: 'site KMI Banned', why: '' },
      { who: 'cy', what: 'site KMI Banned', why: 'CVMFS' },
      { who: 'bob', what: 'site KMI unbanned', why: '' },
    ]);
  });

  it('finds jobs that may go anywhere behind thousands that wait for another site', async () => {
    const merge = { command: ['cat', '{inputs}', '{output}'], targetEvents: 5_000 };
    const ref = await room.register(definition({ events: 25_000, merge, scouts: { jobs: 0 } }));
    await room.step(ref);
    await room.do.openBlock({ ...ref, block: 0 });
    await room.change(`update jobs set avoid = '["KMI"]' where number <= 2400`);
    await room.change(`update sites set slots = 0 where name <> 'KMI'`);
    const { bundles } = await room.place(ref, 0);
    const jobs = bundles.flatMap((order) => [...jobsOf(order.ranges)]);
    expect(jobs.map(({ job }) => job)).toEqual([2401, 2402, 2403]);
  });

  it('waits while a production is paused', async () => {
    const ref = await room.register(definition({ scouts: { jobs: 0 } }));
    await room.step(ref);
    const command = { kind: 'pause', who: 'me', why: 'lunch' } as const;
    await room.do.command({ ...ref, command });
    await expect(room.place(ref, 0)).rejects.toMatchObject({
      type: 'FABRICA_PLACE_WAIT',
      message: 'mumu is Stopped: lunch',
    });
  });

  it('sends no merge anywhere while all final storages are full', async () => {
    const ref = await room.register(definition({ scouts: { jobs: 0 } }));
    await room.step(ref);
    await room.do.openBlock({ ...ref, block: 0 });
    await room.runJobs(ref, 0, 'events');
    await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    await room.do.planMergeJobs({ ...ref, block: 0 });
    await room.change(`update storages set free = 0, total = 1000`);
    await expect(room.place(ref, 0, 'merge')).rejects.toMatchObject({
      type: 'FABRICA_PLACE_WAIT',
    });
    room.clock.pass(61);
    expect(await room.do.storagesToMeasure()).toContain('KMI-DISK');
    await room.do.recordSpace({ storage: 'KMI-DISK', total: 1e12, free: 1e12 });
    expect(await room.do.storagesToMeasure()).not.toContain('KMI-DISK');
    const { bundles } = await room.place(ref, 0, 'merge');
    for (const order of bundles) expect(order.recipe.destinations).toEqual(['KMI-DISK']);
  });
});
