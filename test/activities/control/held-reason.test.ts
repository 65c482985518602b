import { afterEach, beforeEach, expect, it } from 'vitest';
import { ControlRoom, definition, failing, good } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(async () => room.close());

const FIRST = 'block 0: 1 job is parked after the last attempt';
const reason = async () =>
  (await room.rows<{ reason: string }>('select reason from productions'))[0]?.reason ?? '';

it('the reason of a held production tells what is parked in its other blocks by now', async () => {
  const ref = await room.register(
    definition({ events: 2000, retries: { attempts: 1, systemAttempts: 1 }, scouts: { jobs: 2 } }),
  );
  const { step } = await room.scout(ref);
  const [scouts = -1, other = -1] = step.do === 'run' ? step.blocks : [];
  expect(other).toBeGreaterThan(scouts);
  await room.do.openBlock({ ...ref, block: other });
  const { bundles } = await room.place(ref, other);
  const [order] = bundles;
  if (order === undefined) throw new Error('nothing was placed');

  await room.do.openBlock({ ...ref, block: scouts });
  await room.change(`update jobs set state = 'Parked' where number = 1`);
  const closed = await room.do.closeStage({ ...ref, block: scouts, stage: 'events' });
  expect(closed).toMatchObject({ held: true, reason: expect.stringContaining(FIRST) as string });
  expect(await reason()).toBe(closed.reason);

  const reports = room.report(order, failing());
  expect(reports.length).toBeGreaterThan(1);
  await room.settle(order, reports.slice(0, 1));
  expect(await reason()).toBe(`${closed.reason}; 1 more job is parked in other blocks`);
  await room.settle(order, reports);
  const all = `${closed.reason}; ${reports.length} more jobs are parked in other blocks`;
  expect(await reason()).toBe(all);
  await room.settle(order, room.report(order, good));
  expect(await reason()).toBe(all);

  // Also after a pause, which puts another reason in its place.
  for (const kind of ['pause', 'resume'] as const) {
    await room.do.command({ ...ref, command: { kind, who: 'me', why: '' } });
    expect(await reason()).not.toBe(all);
  }
  expect(await room.step(ref)).toMatchObject({ state: 'Held', reason: all });

  const release = { kind: 'release', who: 'me', why: '', select: { jobs: '1' } } as const;
  expect(await room.do.command({ ...ref, command: release })).toMatchObject({ state: 'Active' });
});

it('a production that is held for its failures keeps that reason', async () => {
  const ref = await room.register(
    definition({ retries: { attempts: 1, systemAttempts: 1 }, scouts: { jobs: 0 } }),
  );
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
  const { bundles } = await room.place(ref, 0);
  const why = 'too many attempts have failed';
  await room.change(
    `update productions set state = 'Held', held_for = 'failures', reason = '${why}'`,
  );
  for (const order of bundles) await room.settle(order, room.report(order, failing()));
  expect(await reason()).toBe(why);
});
