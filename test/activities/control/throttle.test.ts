import { afterEach, describe, expect, it } from 'vitest';
import { ControlRoom, definition } from './control-room.js';

let room: ControlRoom;
afterEach(() => room.close());

/** The first block of a production without scouts. */
async function running(throttle: Record<string, number>) {
  room = await ControlRoom.open();
  const base = definition();
  const ref = await room.register({
    ...base,
    throttle,
    scouts: { jobs: 0 },
    fabrication: { ...base.fabrication, eventsPerJob: 10 },
    events: 1000,
  });
  const { step } = await room.step(ref);
  const block = step.do === 'run' ? (step.blocks[0] ?? 0) : 0;
  await room.do.openBlock({ ...ref, block });
  return { ref, block };
}

const jobsIn = ({ bundles }: { bundles: readonly { ranges: readonly unknown[] }[] }): unknown =>
  bundles.map(({ ranges }) => ranges);

describe('a throttled production', () => {
  it('has no more jobs at sites than it may', async () => {
    const { ref, block } = await running({ maxRunningJobs: 3 });
    const { bundles } = await room.place(ref, block);
    expect(bundles.flatMap((order) => room.report(order))).toHaveLength(3);
    await expect(room.place(ref, block)).rejects.toThrow('maxRunningJobs: 3 jobs are at sites');
    for (const order of bundles) await room.settle(order, room.report(order));
    expect(jobsIn(await room.place(ref, block))).not.toEqual([]);
  });

  it('sends no more jobs in a minute than it may', async () => {
    const { ref, block } = await running({ maxJobsPerMinute: 2 });
    const { bundles } = await room.place(ref, block);
    const reports = bundles.map((order) => room.report(order));
    expect(reports.flat()).toHaveLength(2);
    for (const [i, order] of bundles.entries()) await room.settle(order, reports[i] ?? []);
    await expect(room.place(ref, block)).rejects.toThrow('maxJobsPerMinute: 2 jobs went');
    room.clock.pass(61);
    expect(jobsIn(await room.place(ref, block))).not.toEqual([]);
  });
});
