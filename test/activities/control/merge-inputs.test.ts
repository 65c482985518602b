import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
const block = 0;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition({ scouts: { jobs: 0 } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block });
  await room.runJobs(ref, block, 'events');
  await room.do.closeStage({ ...ref, block, stage: 'events' });
  await room.do.planMergeJobs({ ...ref, block });
});
afterEach(() => room.close());

/** Reports what a verification would: the replica of a job's output is damaged. */
async function damage(job: number) {
  const [bad] = await room.rows<{ storage: string; path: string }>(
    `select r.storage, r.path from replicas r join files f on f.id = r.file_id
     where f.job = ${job} and f.state = 'Valid'`,
  );
  const problem = { path: bad?.path ?? '', problem: 'checksum' as const, text: 'damaged' };
  return { ...ref, block, storage: bad?.storage ?? '', problems: [problem] };
}

describe('a merge whose input is missing or damaged', () => {
  const badInput: Outcome = (job, order) =>
    order.kind === 'merge' && job.job === 7
      ? failing({ step: 'stage-in', reason: 'input-corrupt: /belle/a' })(job, order)
      : good(job, order);

  it('is tried as often as the definition says, then parked, and holds the production', async () => {
    await room.runJobs(ref, block, 'merge', badInput);
    expect(
      await room.rows('select state, class from attempts where job = 7 order by attempt'),
    ).toEqual(Array(3).fill({ state: 'Failed', class: 'input-corrupt' }));
    expect(await room.rows('select state from jobs where number = 7')).toEqual([
      { state: 'Parked' },
    ]);
    const closed = await room.do.closeStage({ ...ref, block, stage: 'merge' });
    expect(closed.held).toBe(true);
    expect(closed.reason).toContain('1 job is parked');
  });

  it('heals by a release: the input is made again with its seed, and merged anew', async () => {
    await room.runJobs(ref, block, 'merge', badInput);
    await room.do.closeStage({ ...ref, block, stage: 'merge' });
    await room.do.command({ ...ref, command: { kind: 'release', who: 'me', why: '' } });
    // The block's workflow starts again, and verifies the outputs before it merges anything.
    await room.do.openBlock({ ...ref, block });
    expect(await room.do.recordProblems(await damage(1))).toEqual({ reprocessed: 1 });
    expect(await room.rows('select state from jobs where number = 7')).toEqual([
      { state: 'Cancelled' },
    ]);
    await room.do.reopenBlock({ ...ref, block });
    await room.finishBlock(ref, block);
    await room.step(ref);
    const { passed } = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(passed).toBe(true);
  });
});

describe('settle of a merge that could not read its inputs', () => {
  it('asks for a verification of the outputs, also when it is told the same again', async () => {
    const missing = failing({ step: 'stage-in', reason: 'input-missing: no replica' });
    const [order] = (await room.place(ref, block, 'merge')).bundles;
    const reports = room.report(order!, missing);
    expect(await room.settle(order!, reports)).toMatchObject({ badInputs: true });
    expect(await room.settle(order!, reports)).toMatchObject({ badInputs: true });
  });

  it('asks for none when it failed otherwise', async () => {
    const [order] = (await room.place(ref, block, 'merge')).bundles;
    const answer = await room.settle(order!, room.report(order!, failing()));
    expect(answer.badInputs).toBe(false);
  });

  it('retires a merge that was running when its inputs were found bad: its output is a remnant', async () => {
    const { bundles } = await room.place(ref, block, 'merge');
    await room.do.recordProblems(await damage(1));
    for (const order of bundles) await room.settle(order, room.report(order));
    expect(
      await room.rows(`select j.state, a.state as attempt from jobs j
        join attempts a on a.job = j.number where j.number = 7`),
    ).toEqual([{ state: 'Cancelled', attempt: 'Cancelled' }]);
    expect(await room.rows(`select * from files where job = 7`)).toEqual([]);
    expect(await room.rows(`select * from remnants`)).not.toEqual([]);
    await room.do.reopenBlock({ ...ref, block });
    await room.finishBlock(ref, block);
    await room.step(ref);
    const { passed } = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(passed).toBe(true);
  });
});

describe('recordProblems', () => {
  it('runs the job of a lost output again, with the same seed and range and a new attempt', async () => {
    const job = () =>
      room.rows<{ seed: number; first_event: number; state: string }>(
        'select seed, first_event, events, file_index, state from jobs where number = 2',
      );
    const [before] = await job();
    expect(await room.do.recordProblems(await damage(2))).toEqual({ reprocessed: 1 });
    expect(await job()).toEqual([{ ...before, state: 'Waiting' }]);
    await room.do.reopenBlock({ ...ref, block });
    const { bundles } = await room.place(ref, block);
    expect(bundles[0]?.ranges).toMatchObject([
      { job: 2, count: 1, attempt: 2, seed: before?.seed },
    ]);
    const files = await room.rows('select attempt, state from files where job = 2');
    expect(files).toEqual([{ attempt: 1, state: 'Invalid' }]);
  });

  it('tells the same when it is told the same again, and changes nothing', async () => {
    const problems = await damage(2);
    const first = await room.do.recordProblems(problems);
    const before = await room.dump();
    room.clock.pass(10);
    expect(await room.do.recordProblems(problems)).toEqual(first);
    expect(await room.dump()).toEqual(before);
  });

  it('only drops the copy when another one is good', async () => {
    await room.change(
      `insert into replicas select file_id, 'UVic-TMP', path, state, created_at from replicas
       where storage <> 'UVic-TMP'`,
    );
    expect(await room.do.recordProblems(await damage(3))).toEqual({ reprocessed: 0 });
    expect(await room.rows('select state from jobs where number = 3')).toEqual([{ state: 'Done' }]);
  });

  it('gives the other inputs of a retired merge to a new one: each is in exactly one', async () => {
    await room.runJobs(ref, block, 'merge');
    await room.do.recordProblems(await damage(2));
    await room.do.reopenBlock({ ...ref, block });
    await room.finishBlock(ref, block);
    const inputs = await room.rows<{ job: number }>(
      `select f.job from job_inputs i join files f on f.id = i.file_id
       join jobs m on m.production_id = i.production_id and m.number = i.job and m.state = 'Done'
       order by f.job`,
    );
    expect(inputs.map((one) => one.job)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
