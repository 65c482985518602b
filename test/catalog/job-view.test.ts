import { afterEach, beforeEach, expect, it } from 'vitest';
import { getProduction } from '../../catalog/productions.js';
import { viewJob, type JobView } from '../../catalog/views/job-view.js';
import { ControlRoom, definition, failing, type Ref } from '../activities/control/control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(
    definition({ scouts: { jobs: 0 }, retries: { attempts: 1 }, sites: ['KMI', 'UVic'] }),
  );
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
});
afterEach(() => room.close());

const view = (job: number): Promise<JobView> =>
  room.catalog.read(async (db) =>
    viewJob(db, await getProduction(db, ref.production), job, room.clock.now()),
  );

it('a job that a person waived names that person, and each failed attempt its verdict', async () => {
  await room.runJobs(ref, 0, 'events', failing());
  await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
  await room.do.command({ ...ref, command: { kind: 'waive', who: 'ann', why: 'enough' } });
  const job = await view(2);
  expect(job).toMatchObject({ state: 'Waived', waived: { who: 'ann', why: 'enough' } });
  expect(job.attempts[0]).toMatchObject({ class: 'payload-error', blame: 'payload' });
  expect(job.attempts[0]?.rule).toMatch(/\w/);
});

it('the times of an attempt are in an order that can be, whatever the clock of its node says', async () => {
  await room.runJobs(ref, 0, 'events');
  const placed = room.clock.now();
  const times = async (node: string): Promise<unknown> => {
    await room.change(
      `update attempts set placed_at = ${placed}, settled_at = ${placed + 9000}, ${node} where job = 1`,
    );
    const [attempt] = (await view(1)).attempts;
    const { endedAt, placedAt, settledAt, startedAt } = attempt ?? {};
    return [placedAt, startedAt, endedAt, settledAt].map((at) => (at ?? 0) - placed);
  };
  const slow = `started_at = ${placed - 999}, ended_at = ${placed - 500}`;
  expect(await times(slow)).toEqual([0, 0, 0, 9000]);
  const fast = `started_at = ${placed + 2000}, ended_at = ${placed + 60_000}`;
  expect(await times(fast)).toEqual([0, 2000, 9000, 9000]);
});

it('sites that get no jobs are told with the reason, those that the definition leaves out are not', async () => {
  expect(await view(1)).toMatchObject({ openSites: ['KMI', 'UVic'], closedSites: [] });
  await room.do.setSiteOverride({
    ...{ site: 'KMI', state: 'Banned', who: 'ann', why: 'no cooling', until: null },
  });
  expect(await view(1)).toMatchObject({
    openSites: ['UVic'],
    closedSites: [{ site: 'KMI', why: 'Banned: no cooling' }],
  });
});
