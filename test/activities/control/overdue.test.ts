import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attemptRanges, jobsOf, type BundleOrder } from '../../../domain/bundle.js';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
let block = 0;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition({ events: 1000, scouts: { jobs: 0 } }));
  const { step } = await room.step(ref);
  block = step.do === 'run' ? (step.blocks[0] ?? 0) : 0;
  await room.do.openBlock({ ...ref, block });
});
afterEach(() => room.close());

const attemptsOf = (order: BundleOrder) => attemptRanges([...jobsOf(order.ranges)]);

const judge = (order: BundleOrder, hours: number) =>
  room.do.judgeQueue({
    ...ref,
    ...{ block, bundle: order.bundle, site: order.site },
    attempts: attemptsOf(order),
    queuedSince: room.clock.now() - hours * 3_600_000,
  });

async function filled(): Promise<[first: BundleOrder, others: readonly BundleOrder[]]> {
  const { bundles } = await room.place(ref, block);
  const [first, ...others] = bundles;
  if (first === undefined) throw new Error('nothing was placed');
  return [first, others];
}

const withdrawn = failing({ state: 'withdrawn', step: 'none', exitCode: null, reason: '' });

describe('jobs that wait at a site for too long', () => {
  it('go elsewhere as far as others have room for them, and not back', async () => {
    const [first, [other]] = await filled();
    if (other === undefined) throw new Error('only one site was filled');
    await room.settle(other, room.report(other));
    const { withdraw, lookAgain } = await judge(first, 1.5);
    expect(lookAgain).toBe(1350);
    expect(withdraw.length).toBeGreaterThan(0);
    const going = [...jobsOf(first.ranges)].filter(({ job }) =>
      withdraw.some((range) => job >= range.job && job < range.job + range.count),
    );
    await room.settle(
      first,
      going.map((job) => withdrawn(job, first)),
    );
    const { bundles } = await room.place(ref, block);
    const sent = bundles.flatMap((order) =>
      [...jobsOf(order.ranges)].map((job) => ({ job: job.job, site: order.site })),
    );
    const again = sent.filter(({ job }) => going.some((one) => one.job === job));
    expect(again).toHaveLength(going.length);
    expect(again.every(({ site }) => site !== first.site)).toBe(true);
    const events = await room.rows<{ what: string; why: string }>(
      `select what, why from events where what like '%withdrawn from%'`,
    );
    expect(events).toEqual([
      {
        what: `${going.length} job${going.length === 1 ? '' : 's'} withdrawn from ${first.site}`,
        why: 'not started there in 1h 30m, and other sites have room',
      },
    ]);
  });

  it('are judged the same again, and noted once', async () => {
    const [first, [other]] = await filled();
    if (other !== undefined) await room.settle(other, room.report(other));
    expect(await judge(first, 2)).toEqual(await judge(first, 2));
    const events = await room.rows(`select what from events where what like '%withdrawn from%'`);
    expect(events).toHaveLength(1);
  });

  it('get room that was found for no others of the last minute', async () => {
    const [first, [other, next]] = await filled();
    if (other === undefined || next === undefined) throw new Error('too few sites were filled');
    const long: Outcome = (job, order) => ({ ...good(job, order), endedAt: 3_600_000 });
    await room.settle(other, room.report(other, long));
    const { length } = [...jobsOf(other.ranges)];
    const going = async (order: BundleOrder): Promise<number> => {
      const { withdraw } = await judge(order, 100);
      return withdraw.reduce((sum, { count }) => sum + count, 0);
    };
    expect(await going(first)).toBe(length);
    expect(await going(next)).toBe(0);
    // Its own promise does not count against it.
    expect(await going(first)).toBe(length);
    room.clock.pass(60);
    expect(await going(next)).toBe(length);
  });

  it('stay while nobody else has room, or while they have not waited for long', async () => {
    const [first, [other]] = await filled();
    expect((await judge(first, 100)).withdraw).toEqual([]);
    if (other !== undefined) await room.settle(other, room.report(other));
    expect((await judge(first, 0.5)).withdraw).toEqual([]);
  });

  it('stay while the production is paused', async () => {
    const [first, [other]] = await filled();
    if (other !== undefined) await room.settle(other, room.report(other));
    await room.do.command({ ...ref, command: { kind: 'pause', who: 'me', why: '' } });
    expect((await judge(first, 100)).withdraw).toEqual([]);
  });

  it('wait twice as long the next time', async () => {
    const [first, others] = await filled();
    expect(first.queuePatience).toBe(3600);
    await room.settle(first, room.report(first, withdrawn));
    for (const order of others) await room.settle(order, room.report(order, withdrawn));
    const [again] = await filled();
    expect(again.queuePatience).toBe(7200);
  });
});
