import { afterEach, beforeEach, expect, it } from 'vitest';
import { countsOf, getBlock, recountBlock } from '../../../catalog/blocks.js';
import { ControlRoom, definition, failing, good, type Outcome } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

/** What the catalog has counted on the way, beside what is counted from the jobs themselves. */
async function counts(block: number): Promise<{ kept: unknown; counted: unknown }> {
  return room.catalog.write(async (db) => {
    const key = { production: 1, block };
    const row = await getBlock(db, key);
    const kept = { ...countsOf(row), waiting: row.waiting };
    const counted = await recountBlock(db, key);
    return { kept, counted: { ...counted, waiting: (await getBlock(db, key)).waiting } };
  });
}

/** Bundles that count other open attempts than they have. */
async function miscounted(): Promise<unknown[]> {
  return room.rows(`
    select b.id, b.open, count(a.job) as attempts
    from bundles b left join attempts a on a.bundle = b.id and a.state in ('Submitted', 'Running')
    group by b.id having b.open <> count(a.job)`);
}

const running: Outcome = (job, order) => ({ ...good(job, order), state: 'running', outputs: [] });

/** Ends of all kinds: each fifth job is too big, and is divided in the end. */
const OUTCOMES: readonly Outcome[] = [
  good,
  failing(),
  failing({ step: 'wrapper', reason: 'no disk' }),
  running,
];
const tooBig = failing({ step: 'wall-limit', reason: 'over the wall time' });

it('counts jobs on their way as a count of all of them would', async () => {
  const ref = await room.register(definition({ events: 200, tolerance: 1 }));
  await room.scout(ref);
  const answer = await room.step(ref);
  const [block] = answer.step.do === 'run' ? answer.step.blocks.slice(-1) : [];
  expect(block).toBeGreaterThan(0);
  const at = { ...ref, block: block ?? 0 };
  await room.do.openBlock(at);
  const seen = new Set<string>();
  for (let round = 0; round < 60; round++) {
    try {
      const { bundles, waiting } = await room.place(ref, at.block);
      if (bundles.length === 0 && waiting === 0) break;
      for (const order of bundles) {
        const outcome: Outcome = (job, given) =>
          (job.job % 5 === 3 ? tooBig : (OUTCOMES[(job.job + job.attempt) % 4] ?? good))(
            job,
            given,
          );
        for (const last of [outcome, good]) {
          await room.settle(order, room.report(order, last));
          const { kept, counted } = await counts(at.block);
          expect(kept).toEqual(counted);
          expect(await miscounted()).toEqual([]);
          for (const state of Object.keys((kept as { jobs: object }).jobs)) seen.add(state);
        }
      }
    } catch (error) {
      if (!String(error).includes('wait') && !String(error).includes('back-off')) throw error;
      room.clock.pass(60);
    }
  }
  expect([...seen].sort()).toEqual(expect.arrayContaining(['Done', 'Running', 'Split', 'Waiting']));
});

it('counts merges on their way as a count of all jobs would', async () => {
  const ref = await room.register(definition({ events: 200 }));
  await room.scout(ref);
  const answer = await room.step(ref);
  const [block = 0] = answer.step.do === 'run' ? answer.step.blocks.slice(-1) : [];
  const at = { ...ref, block };
  await room.do.openBlock(at);
  await room.runJobs(ref, block, 'events');
  await room.do.closeStage({ ...at, stage: 'events' });
  await room.do.planMergeJobs(at);
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const { bundles, waiting } = await room.place(ref, block, 'merge').catch(() => {
      room.clock.pass(60);
      return { bundles: [], waiting: 1 };
    });
    if (bundles.length === 0 && waiting === 0) break;
    expect(await miscounted()).toEqual([]);
    for (const order of bundles) {
      for (const last of [round === 0 ? failing({ step: 'wrapper' }) : running, good]) {
        await room.settle(order, room.report(order, last));
        const { kept, counted } = await counts(block);
        expect(kept).toEqual(counted);
        for (const state of Object.keys((kept as { merges: object }).merges)) seen.add(state);
      }
    }
  }
  expect([...seen].sort()).toEqual(expect.arrayContaining(['Done', 'Running', 'Waiting']));
  expect(await miscounted()).toEqual([]);
});

it('has no open attempts left in any count when a bundle is ended, or its jobs are given up', async () => {
  const ref = await room.register(definition({ events: 200 }));
  await room.scout(ref);
  const answer = await room.step(ref);
  const [block = 0] = answer.step.do === 'run' ? answer.step.blocks.slice(-1) : [];
  await room.do.openBlock({ ...ref, block });
  const { bundles } = await room.place(ref, block);
  const [one, other] = bundles;
  if (one === undefined || other === undefined) throw new Error('two bundles are needed');
  expect(await room.rows('select sum(open) as open from bundles')).not.toEqual([{ open: 0 }]);
  await room.do.recordEnded({ ...ref, bundle: one.bundle, reason: 'ended' });
  await room.do.command({
    ...ref,
    command: { kind: 'kill', select: { site: other.site }, who: 'me', why: '' },
  });
  const attempts = other.ranges.map(({ attempt, count, job }) => ({ attempt, count, job }));
  const handle = { ...ref, block, bundle: other.bundle, site: other.site, attempts };
  await room.do.recordKilled(handle);
  expect(await miscounted()).toEqual([]);
  expect(
    await room.rows(
      `select sum(open) as open from bundles where id in (${one.bundle}, ${other.bundle})`,
    ),
  ).toEqual([{ open: 0 }]);
});
