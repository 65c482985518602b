import { afterEach, beforeEach, expect, it } from 'vitest';
import { unpack } from '../../../activities/packed.js';
import { attemptsOf, type BundleHandle } from '../../../domain/bundle.js';
import { jobOf } from '../../grid/compute/job-fixture.js';
import { SiteRoom } from './site-room.js';

const names = [1, 2, 3, 4, 5, 6].map((job) => `e1aaaaaa.p.${job}.1`);
const handle: BundleHandle = {
  ...{ epoch: 'e1aaaaaa', production: 'p', block: 0, bundle: 1, site: 'HERE' },
  attempts: [{ job: 1, count: 6, attempt: 1 }],
};

let room: SiteRoom;
beforeEach(async () => {
  room = await SiteRoom.open();
  await room.compute.submit(names.map((name) => jobOf(name, 'sleep 30')));
});
afterEach(async () => {
  await room.compute.end(names);
  await room.compute.forget(names);
  await room.close();
});

const watch = (overdueAt: number) =>
  room.run(room.activities.watchJobs, { ...handle, recorded: [], running: [], overdueAt });

it('a watch tells of jobs that still wait after their time, and withdraws none by itself', async () => {
  const { open, overdue = [] } = await watch(Date.now() + 200);
  expect([...attemptsOf(overdue)].length).toBe(2);
  expect(open).toBe(6);
  const states = (await room.compute.poll(names)).map(({ state }) => state);
  expect(states.filter((state) => state === 'queued')).toHaveLength(2);
});

it('before that time it tells of what runs only', async () => {
  const { overdue, reports } = await watch(Date.now() + 600_000);
  expect(overdue).toBeUndefined();
  expect(unpack(reports).map(({ state }) => state)).toContain('running');
});
