import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandKind } from '../../../domain/command.js';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition({ scouts: { jobs: 0 } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
});
afterEach(() => room.close());

const tell = (kind: CommandKind, select?: unknown) =>
  room.do.command({ ...ref, command: { kind, select, who: 'me', why: '' } });
const states = async () =>
  (
    await room.rows<{ state: string }>(
      `select state from jobs where kind <> 'merge' order by number`,
    )
  ).map(({ state }) => state);
const lastEvent = async () =>
  (await room.rows<{ what: string }>('select what from events order by id desc limit 1'))[0]?.what;

/** Jobs 2 and 3 are parked at KMI, 5 at UVic for its memory; the block is held. */
async function park(): Promise<void> {
  const bad: Outcome = (job, order) =>
    [2, 3, 5].includes(job.job) ? failing()(job, order) : good(job, order);
  await room.runJobs(ref, 0, 'events', bad);
  await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
  await room.change(`update attempts set site = 'KMI' where job in (2, 3)`);
  await room.change(`update attempts set site = 'UVic', class = 'memory' where job = 5`);
  expect(await states()).toEqual(['Done', 'Parked', 'Parked', 'Done', 'Parked', 'Done']);
}

describe('release of a part', () => {
  it.each([
    [{ jobs: '2-3' }, ['Waiting', 'Waiting', 'Parked']],
    [{ class: 'memory' }, ['Parked', 'Parked', 'Waiting']],
    [{ site: 'KMI' }, ['Waiting', 'Waiting', 'Parked']],
    [{ jobs: '2,5', site: 'UVic' }, null],
    [{ jobs: '5', site: 'UVic', class: 'memory' }, ['Parked', 'Parked', 'Waiting']],
  ])('%j tries those again, and the block goes on', async (select, expected) => {
    await park();
    const answer = await tell('release', select);
    if (expected === null) {
      expect(answer).toMatchObject({ outcome: 'refused', state: 'Held' });
      expect(answer.message).toContain('job 2: not one that was last at UVic');
      return;
    }
    expect(answer).toMatchObject({ outcome: 'done', state: 'Active' });
    const now = await states();
    expect([now[1], now[2], now[4]]).toEqual(expected);
    expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
    // What is still parked holds it again.
    await room.do.openBlock({ ...ref, block: 0 });
    await room.runJobs(ref, 0, 'events');
    expect((await room.do.closeStage({ ...ref, block: 0, stage: 'events' })).held).toBe(true);
  });

  it('has a block that runs look again at once', async () => {
    const { bundles } = await room.place(ref, 0);
    await room.change(`update jobs set state = 'Parked' where number = 6`);
    await room.change(`update attempts set state = 'Failed' where job = 6`);
    expect(bundles.length).toBeGreaterThan(0);
    expect(await tell('release', { jobs: '6' })).toMatchObject({ outcome: 'done', reopened: [0] });
    expect(await tell('release', { jobs: '1' })).toMatchObject({
      outcome: 'already',
      reopened: [],
    });
    expect(await tell('kill', { jobs: '6' })).toMatchObject({ outcome: 'done', reopened: [] });
  });

  it('twice is the same as once', async () => {
    await park();
    await tell('release', { jobs: '2-3' });
    const before = await states();
    expect(await tell('release', { jobs: '2-3' })).toMatchObject({ outcome: 'already' });
    expect(await states()).toEqual(before);
    expect(await lastEvent()).toBe('0 jobs released; so already: 2-3');
  });
});

describe('waive of a part', () => {
  it('gives those up; the others still hold the block, until they are given up too', async () => {
    await park();
    expect(await tell('waive', { jobs: '3' })).toMatchObject({ outcome: 'done' });
    expect(await lastEvent()).toBe('1 job waived (3)');
    await room.do.openBlock({ ...ref, block: 0 });
    expect((await room.do.closeStage({ ...ref, block: 0, stage: 'events' })).reason).toContain(
      '2 jobs are parked',
    );
    expect(await tell('waive')).toMatchObject({ outcome: 'done', state: 'Active' });
    await room.finishBlock(ref, 0);
    await room.step(ref);
    expect(await room.do.concludeAudit({ ...ref, discrepancies: [] })).toMatchObject({
      passed: true,
      reason: '30 of 60 events are made, distributed and verified; 3 jobs were waived (2, 3, 5)',
    });
  });
});

describe('kill', () => {
  it('gives up what waits, is parked or runs; attempts at sites are ended and recorded', async () => {
    const { bundles } = await room.place(ref, 0);
    await room.change(`update jobs set state = 'Parked' where number = 6`);
    await room.change(`update attempts set state = 'Failed' where job = 6`);
    expect(await tell('kill', { jobs: '2,6' })).toMatchObject({ outcome: 'done' });
    expect(await lastEvent()).toBe('2 jobs killed (2, 6), 1 of them are ended at their sites');
    expect((await states())[5]).toBe('Waived');
    const { step } = await room.step(ref);
    if (step.do !== 'kill') throw new Error(`the step is ${step.do}`);
    expect(step.handles).toMatchObject([{ attempts: [{ job: 2, count: 1, attempt: 1 }] }]);
    for (const handle of step.handles) {
      await room.do.recordKilled(handle);
      const once = await room.dump();
      await room.do.recordKilled(handle);
      expect(await room.dump()).toEqual(once);
    }
    expect(await room.rows('select state, class, blame from attempts where job = 2')).toEqual([
      { state: 'Cancelled', class: 'killed', blame: 'person' },
    ]);
    expect((await states())[1]).toBe('Waived');
    expect(await room.rows('select * from remnants')).not.toEqual([]);
    expect((await room.step(ref, [0])).step).toEqual({ do: 'wait', until: null });
    for (const order of bundles) await room.settle(order, room.report(order));
    expect((await states()).filter((state) => state === 'Done')).toHaveLength(4);
    await room.finishBlock(ref, 0);
    await room.step(ref);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
  });

  it('wants nothing of a job that ends well before it is ended', async () => {
    const { bundles } = await room.place(ref, 0);
    await tell('kill', { jobs: '2' });
    for (const order of bundles) await room.settle(order, room.report(order));
    expect((await states())[1]).toBe('Waived');
    expect(await room.rows('select * from files where job = 2')).toEqual([]);
    expect((await room.step(ref, [0])).step.do).toBe('wait');
  });

  it('does not begin anew what a failure of a killed job would have repeated', async () => {
    const { bundles } = await room.place(ref, 0);
    await tell('kill', { jobs: '2' });
    for (const order of bundles) await room.settle(order, room.report(order, failing()));
    expect((await states())[1]).toBe('Waived');
  });

  it('works while the production is paused', async () => {
    await room.place(ref, 0);
    await tell('pause');
    expect(await tell('kill', { jobs: '1' })).toMatchObject({ outcome: 'done', state: 'Stopped' });
    expect((await room.step(ref)).step.do).toBe('kill');
  });

  it('must be told what', async () => {
    expect(await tell('kill')).toMatchObject({
      message: 'it must be told which jobs (jobs, class or site)',
      refusal: {
        code: 'FABRICA_COMMAND_INVALID',
        remedy:
          'Select some (`--jobs`, `--class` or `--site`); `fabrica cancel mumu` ends all of them.',
      },
    });
  });
});

describe('a selection', () => {
  it.each([
    ['release', { jobs: '1-3' }, 'only Parked jobs can be released; job 1: Done'],
    ['waive', { jobs: '1,4,6' }, 'only Parked jobs can be waived; jobs 1, 4, 6: Done'],
    [
      'kill',
      { jobs: '1' },
      'only Waiting, Submitted, Running, Parked jobs can be killed; job 1: Done',
    ],
    ['release', { jobs: '7' }, 'there is no job 7: its jobs are 1-6'],
    ['release', { jobs: '3-2' }, 'the range 3-2 is reversed: write 2-3'],
    ['release', { jobs: '1-999999999' }, 'there is no job 999999999: its jobs are 1-6'],
    ['release', { class: 'lost' }, 'no Parked job failed last by lost'],
    [
      'kill',
      { class: 'memory', site: 'KMI' },
      'no Waiting, Submitted, Running, Parked job failed last by memory and was last at KMI',
    ],
    ['waive', 'all', 'a selection is a mapping, not "all"'],
    ['waive', { colour: 'red' }, '"colour" selects nothing'],
  ] as const)(
    'of %s %j is refused with the reason, and nothing is done',
    async (kind, select, message) => {
      await park();
      const before = await states();
      expect(await tell(kind, select)).toMatchObject({
        outcome: 'refused',
        message,
        state: 'Held',
      });
      expect(await states()).toEqual(before);
      expect(await lastEvent()).toBe(`${kind} refused`);
    },
  );

  it('of a site or class that is not there is refused', async () => {
    await park();
    expect((await tell('release', { site: 'X' })).message).toMatch(/^no site is named "X"/);
    expect((await tell('release', { class: 'X' })).message).toMatch(/^a class is one of /);
  });

  it('of merges can not be given up', async () => {
    await room.runJobs(ref, 0, 'events');
    await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    await room.do.planMergeJobs({ ...ref, block: 0 });
    for (const kind of ['waive', 'kill'] as const) {
      await room.change(`update jobs set state = 'Parked' where number = 7`);
      expect((await tell(kind, { jobs: '7' })).message).toContain('merge jobs can not be');
    }
    expect(await tell('release', { jobs: '7' })).toMatchObject({ outcome: 'done' });
  });
});

describe('waive where merges are parked', () => {
  /** Merges 7 to 9, of which 7 is parked; the block is held. */
  async function parkMerge(): Promise<void> {
    const at = { ...ref, block: 0 };
    await room.runJobs(ref, 0, 'events');
    await room.do.closeStage({ ...at, stage: 'events' });
    await room.do.planMergeJobs(at);
    await room.runJobs(ref, 0, 'merge', (job, order) =>
      job.job === 7 ? failing()(job, order) : good(job, order),
    );
    expect((await room.do.closeStage({ ...at, stage: 'merge' })).held).toBe(true);
  }
  const message = 'merge jobs can not be waived, their inputs are good: release them (7)';

  it.each([undefined, { class: 'payload-error' }, { jobs: '7' }])(
    'and nothing else (%j) is refused, and nothing is done',
    async (select) => {
      await parkMerge();
      const before = await room.rows('select * from jobs, blocks, productions');
      expect(await tell('waive', select)).toMatchObject({
        outcome: 'refused',
        message,
        state: 'Held',
      });
      expect(await room.rows('select * from jobs, blocks, productions')).toEqual(before);
      expect(await lastEvent()).toBe('waive refused');
    },
  );

  it('gives up the other jobs, and tells which merges are left', async () => {
    await parkMerge();
    await room.change(`update jobs set state = 'Parked' where number = 2`);
    expect(await tell('waive')).toMatchObject({
      outcome: 'done',
      message: `1 job waived; ${message}`,
      state: 'Active',
    });
    expect(await lastEvent()).toBe(`1 job waived; ${message}`);
    expect(
      await room.rows('select state from jobs where number in (2, 7) order by number'),
    ).toEqual([{ state: 'Waived' }, { state: 'Parked' }]);
  });
});
