import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMAND_KINDS, type CommandKind } from '../../../domain/command.js';
import { partialPath } from '../../../domain/lfn.js';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

const tell = (kind: CommandKind, value?: unknown) =>
  room.do.command({ ...ref, command: { kind, value, who: 'me', why: '' } });
const states = () => room.rows<{ state: string }>(`select state from jobs order by number`);

async function begin(more: Parameters<typeof definition>[0] = {}): Promise<void> {
  ref = await room.register(definition({ scouts: { jobs: 0 }, ...more }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
}

const thirdFails: Outcome = (job, order) =>
  job.job === 3 ? failing()(job, order) : good(job, order);

async function hold(): Promise<void> {
  await begin();
  await room.runJobs(ref, 0, 'events', thirdFails);
  const { held, reason } = await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
  expect({ held, reason }).toEqual({
    held: true,
    reason:
      'block 0: 1 job is parked after the last attempt; the tolerance allows 0 of 6 to be given up',
  });
}

describe('a production with more parked jobs than its tolerance', () => {
  it('is held with the reason, and starts nothing', async () => {
    await hold();
    expect(await room.step(ref)).toMatchObject({
      state: 'Held',
      step: { do: 'wait', until: null },
    });
    await expect(room.place(ref, 0)).resolves.toEqual({ bundles: [], waiting: 0 });
  });

  it('retries them after a release, and completes', async () => {
    await hold();
    expect(await tell('release')).toMatchObject({ outcome: 'done', state: 'Active' });
    expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
    await room.finishBlock(ref, 0);
    await room.step(ref);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
  });

  it('gives them up after a waive, and the audit names them', async () => {
    await hold();
    expect(await tell('waive')).toMatchObject({ outcome: 'done', state: 'Active' });
    await room.finishBlock(ref, 0);
    await room.step(ref);
    expect(await room.do.concludeAudit({ ...ref, discrepancies: [] })).toMatchObject({
      passed: true,
      reason: '50 of 60 events are made, distributed and verified; 1 job was waived (3)',
    });
  });

  it.each(['release', 'waive'] as const)('asks for a resume before a %s', async (kind) => {
    await hold();
    await tell('pause');
    expect(await tell(kind)).toMatchObject({
      outcome: 'refused',
      state: 'Stopped',
      message: 'it is paused',
      refusal: { remedy: `Resume it first (\`fabrica resume mumu\`), then ${kind}.` },
    });
    await tell('resume');
    expect(await tell(kind)).toMatchObject({ outcome: 'done', state: 'Active' });
  });

  const amendTo = (tolerance: number) =>
    room.do.command({
      ...ref,
      command: { kind: 'amend', who: 'me', why: '', select: { set: { tolerance } } },
    });

  it('goes on by itself after an amendment that tolerates them', async () => {
    await hold();
    const answer = await amendTo(0.2);
    expect(answer).toMatchObject({
      outcome: 'done',
      state: 'Active',
      message:
        'amended, revision 2: tolerance: 0 -> 0.2; what held it is within its rules: it goes on',
    });
    expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
    await room.finishBlock(ref, 0);
    expect((await states())[2]).toEqual({ state: 'Waived' });
    await room.step(ref);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
  });

  it('is told to wait for a release after an amendment that does not tolerate them', async () => {
    await hold();
    const why =
      'block 0: 1 job is parked after the last attempt; the tolerance allows 0 of 6 to be given up';
    expect(await amendTo(0.1)).toMatchObject({
      outcome: 'done',
      state: 'Held',
      message: `amended, revision 2: tolerance: 0 -> 0.1; it stays held (${why}) until \`fabrica release mumu\``,
    });
    expect((await room.step(ref)).step).toEqual({ do: 'wait', until: null });
  });

  it('stays held after such an amendment where a block has failed for another reason', async () => {
    await begin();
    await room.do.blockFailed({ ...ref, block: 0, reason: 'a bug' });
    const answer = await amendTo(0.9);
    expect(answer).toMatchObject({ outcome: 'done', state: 'Held' });
    expect(answer.message).toContain(
      'it stays held (block 0 failed: a bug) until `fabrica release mumu`',
    );
  });

  it('goes on when it is resumed, where it was amended while it was paused', async () => {
    await hold();
    await tell('pause');
    expect(await amendTo(0.2)).toMatchObject({ outcome: 'done', state: 'Stopped' });
    await tell('resume');
    expect(await room.step(ref)).toMatchObject({
      state: 'Active',
      step: { do: 'run', blocks: [0] },
    });
  });

  it('has nothing to release where a paused one has no parked jobs', async () => {
    await begin();
    await tell('pause');
    expect(await tell('release')).toMatchObject({
      message: 'Stopped productions have no jobs to release',
    });
  });

  it('gives them up by itself within the tolerance', async () => {
    await begin({ tolerance: 0.2 });
    await room.runJobs(ref, 0, 'events', thirdFails);
    const closed = await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    expect(closed.held).toBe(false);
    expect((await states())[2]).toEqual({ state: 'Waived' });
  });

  it('is held again when it was paused meanwhile and is resumed', async () => {
    await begin();
    await room.runJobs(ref, 0, 'events', thirdFails);
    await tell('pause');
    await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    expect(await tell('resume')).toMatchObject({ outcome: 'done', state: 'Active' });
    const { state, reason } = await room.step(ref);
    expect(state).toBe('Held');
    expect(reason).toContain('1 job is parked');
    expect(await tell('release')).toMatchObject({ outcome: 'done', state: 'Active' });
    expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
  });
});

describe('a distribution that found no storage', () => {
  it('is held, and tries the same storages again after a release', async () => {
    await begin();
    await room.makeBlock(ref, 0);
    const at = { ...ref, block: 0 };
    let plan = await room.do.planTransfers(at);
    for (let round = 0; !plan.held && round < 20; round++) {
      room.clock.pass(1);
      for (const { storage, files } of plan.batches) {
        const results = files.map(({ transfer }) => ({ transfer, failure: 'no route' }));
        await room.do.recordCopies({ ...at, copies: [{ storage, results }] });
      }
      plan = await room.do.planTransfers(at);
    }
    expect(plan).toMatchObject({ held: true, batches: [] });
    room.clock.pass(60);
    await tell('release');
    expect((await room.do.planTransfers(at)).batches).not.toEqual([]);
    await room.finishBlock(ref, 0);
    await room.step(ref);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
  });
});

describe('cancel', () => {
  it('ends open attempts and waiting jobs, keeps what is done, and notes what to remove', async () => {
    await begin();
    const [first] = (await room.place(ref, 0)).bundles;
    await room.settle(first!, room.report(first!));
    expect(await tell('cancel')).toMatchObject({ outcome: 'done', state: 'Cancelling' });
    expect((await room.step(ref)).step).toEqual({ do: 'end', scope: 'remnants' });
    for (const { bundle } of await room.handles(ref, null)) {
      await room.do.recordEnded({ ...ref, bundle, reason: 'cancelled' });
      const before = await room.dump();
      await room.do.recordEnded({ ...ref, bundle, reason: 'cancelled' });
      expect(await room.dump()).toEqual(before);
    }
    await room.do.condemnProduction({ ...ref, scope: 'remnants', after: -1 });
    await room.remove(ref, null);
    expect(await room.do.recordEnd(ref)).toMatchObject({ state: 'Cancelled' });
    expect((await states()).map((one) => one.state)).toEqual([
      'Done',
      'Done',
      'Cancelled',
      'Cancelled',
      'Cancelled',
      'Cancelled',
    ]);
    expect(await room.rows(`select distinct state from replicas`)).toEqual([
      { state: 'Available' },
    ]);
    expect(await room.rows(`select * from remnants`)).toEqual([]);
    expect(
      await room.rows(`select * from attempts where state in ('Submitted', 'Running')`),
    ).toEqual([]);
    expect((await room.step(ref)).step).toEqual({ do: 'finish' });
  });
});

describe('command', () => {
  it.each(['pause', 'resume', 'cancel'] as const)('%s twice is as once', async (kind) => {
    await begin();
    await tell(kind);
    const before = await room.dump();
    room.clock.pass(10);
    expect((await tell(kind)).outcome).toBe('already');
    expect(await room.dump()).toEqual(before);
  });

  it.each([0, 11, 2.5, '7', null, Number.NaN, { value: 3 }])(
    'refuses the priority %j, notes it, and leaves the priority',
    async (value) => {
      await begin();
      const answer = await tell('reprioritize', value);
      expect(answer).toMatchObject({ outcome: 'refused', priority: 5 });
      expect(await room.rows(`select who from events where what = 'reprioritize refused'`)).toEqual(
        [{ who: 'me' }],
      );
    },
  );

  it.each([
    [undefined, 'none was given'],
    ['7', 'not "7"'],
    [Number.POSITIVE_INFINITY, 'not Infinity'],
    [{ value: 3 }, 'not a mapping of fields'],
    ['x\ny"', 'not "x\\ny\\""'],
  ])('tells in words why %j is no priority', async (value, words) => {
    await begin();
    expect(await tell('reprioritize', value)).toMatchObject({
      message: `a priority is a whole number from 1 to 10, ${words}`,
    });
  });

  it('changes the priority, and tells both in the log', async () => {
    await begin();
    expect(await tell('reprioritize', 9)).toMatchObject({ outcome: 'done', priority: 9 });
    expect(await room.rows(`select what from events order by id desc limit 1`)).toEqual([
      { what: 'priority 5 -> 9' },
    ]);
  });

  it('notes a malformed signal as refused', async () => {
    await begin();
    expect((await tell('malformed')).outcome).toBe('refused');
  });

  it('never fails, whatever the state of the production', async () => {
    await begin();
    const kinds = COMMAND_KINDS;
    const all = await import('../../../domain/states/production.js');
    for (const state of all.PRODUCTION_STATES) {
      for (const resume of ['null', ...all.PRODUCTION_STATES.map((one) => `'${one}'`)]) {
        for (const kind of kinds) {
          await room.change(`update productions set state = '${state}', resume_state = ${resume}`);
          await expect(tell(kind, 3), `${kind} in ${state}/${resume}`).resolves.toBeDefined();
        }
      }
    }
  }, 120_000);
});

describe('blockFailed', () => {
  it('holds the production with the reason, in whatever state the block is', async () => {
    await begin();
    const { BLOCK_STATES } = await import('../../../domain/states/block.js');
    for (const state of BLOCK_STATES) {
      await room.change(`update blocks set state = '${state}', resume_state = null`);
      await room.change(`update productions set state = 'Active', resume_state = null`);
      await room.do.blockFailed({ ...ref, block: 0, reason: 'a bug' });
      expect(await room.rows('select state, reason from productions'), state).toEqual([
        { state: 'Held', reason: 'block 0 failed: a bug' },
      ]);
    }
  });
});

describe('cancel while copies are on their way', () => {
  it('notes what they may leave where they were to go', async () => {
    ref = await room.register(definition({ scouts: { jobs: 0 } }));
    await room.step(ref);
    await room.makeBlock(ref, 0);
    const { batches } = await room.do.planTransfers({ ...ref, block: 0 });
    const wanted = batches.flatMap(({ files, storage }) =>
      files.map(({ path }) => ({ storage, path })),
    );
    expect(wanted.length).toBeGreaterThan(0);
    await tell('cancel');
    await room.do.condemnProduction({ ...ref, scope: 'remnants', after: -1 });
    const noted = await room.rows<{ storage: string; path: string }>(
      `select storage, path from remnants where why like 'a copy%'`,
    );
    for (const { path, storage } of wanted) {
      expect(noted).toContainEqual({ storage, path });
      expect(noted).toContainEqual({ storage, path: partialPath(path) });
    }
    expect(noted).toHaveLength(2 * wanted.length);
    expect(await room.rows(`select distinct state from transfers`)).toEqual([
      { state: 'Cancelled' },
    ]);
  });
});

describe('clean', () => {
  async function clean(): Promise<void> {
    expect(await tell('clean')).toMatchObject({ outcome: 'done', state: 'Cleaning' });
    expect((await room.step(ref)).step).toEqual({ do: 'end', scope: 'everything' });
    await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
    await room.remove(ref, null);
  }
  const left = () => room.rows('select path from replicas union all select path from remnants');
  const cancelAfterOneBundle = async (): Promise<void> => {
    await begin();
    const [first] = (await room.place(ref, 0)).bundles;
    await room.settle(first!, room.report(first!));
    await tell('cancel');
    for (const { bundle } of await room.handles(ref, null)) {
      await room.do.recordEnded({ ...ref, bundle, reason: 'cancelled' });
    }
    await room.do.condemnProduction({ ...ref, scope: 'remnants', after: -1 });
    await room.remove(ref, null);
    await room.do.recordEnd(ref);
  };

  it('removes what a completed production has, and its record tells so', async () => {
    ref = await room.register();
    await room.complete(ref);
    await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(await left()).not.toEqual([]);
    await clean();
    expect(await room.do.recordEnd(ref)).toEqual({ state: 'Cleaned', reason: 'cleaned by me' });
    expect(await left()).toEqual([]);
    expect(await room.rows('select distinct state from files')).toEqual([{ state: 'Removed' }]);
    expect(await room.rows('select distinct state from blocks')).toEqual([{ state: 'Discarded' }]);
    expect(await tell('clean')).toMatchObject({ outcome: 'already', state: 'Cleaned' });
  });

  it('removes what a cancelled production has kept, of blocks that were given up too', async () => {
    await cancelAfterOneBundle();
    expect(await left()).not.toEqual([]);
    await clean();
    await room.do.recordEnd(ref);
    expect(await left()).toEqual([]);
  });

  it('tells what is left to be removed later', async () => {
    await cancelAfterOneBundle();
    await tell('clean');
    await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
    const { batches } = await room.do.planRemovals({ ...ref, block: null, except: [], gone: [] });
    for (const { storage } of batches) {
      await room.do.recordDebt({ ...ref, storage, reason: 'it does not answer' });
    }
    const { reason, state } = await room.do.recordEnd(ref);
    expect(state).toBe('Cleaned');
    expect(reason).toMatch(/^cleaned by me; .*remnants? on \S+ to be removed later/);
  });

  it('goes through many blocks in portions', async () => {
    ref = await room.register(definition({ events: 600 }));
    await room.complete(ref);
    await room.do.concludeAudit({ ...ref, discrepancies: [] });
    await room.change('update blocks set jobs = 20000');
    await tell('clean');
    let after: number | null = -1;
    let portions = 0;
    for (; after !== null; portions++) {
      after = (await room.do.condemnProduction({ ...ref, scope: 'everything', after })).next;
    }
    const blocks = await room.rows('select number from blocks');
    expect(blocks.length).toBeGreaterThan(1);
    expect(portions).toBe(blocks.length);
    await room.remove(ref, null);
    expect(await left()).toEqual([]);
  });

  it('is refused while a production is live', async () => {
    await begin();
    expect(await tell('clean')).toMatchObject({
      outcome: 'refused',
      state: 'Active',
      message: 'Active productions can not be cleaned',
      refusal: { remedy: 'Cancel it first: `fabrica cancel mumu`.' },
    });
  });
});
