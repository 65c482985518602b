import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_STATES } from '../../../domain/states/block.js';
import { PRODUCTION_STATES } from '../../../domain/states/production.js';
import { ControlRoom, codeOf, definition, failing, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

/** Jobs 1 to 6 of 10 events each, merged two by two by jobs 7 to 9: all in block 0. */
async function begin(more: Parameters<typeof definition>[0] = {}): Promise<void> {
  ref = await room.register(definition({ scouts: { jobs: 0 }, ...more }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
}

async function complete(): Promise<void> {
  await begin();
  await room.finishBlock(ref, 0);
  await audited();
}

async function audited(): Promise<void> {
  expect((await room.step(ref)).step).toEqual({ do: 'audit' });
  const { passed, reason } = await room.do.concludeAudit({ ...ref, discrepancies: [] });
  expect({ passed, reason }).toMatchObject({ passed: true });
}

const ask = (select: unknown) =>
  room.do.command({
    ...ref,
    command: { kind: 'reprocess', select, who: 'me', why: 'a bad disk' },
  });
const attempts = () =>
  room.rows<{ number: number; attempt: number; state: string }>(
    'select number, attempt, state from jobs order by number',
  );
const again = async () =>
  (await attempts()).filter(({ state }) => state === 'Waiting').map(({ number }) => number);
const present = () =>
  room.rows<{ lfn: string }>(
    `select lfn from files f join replicas r on r.file_id = f.id
     where f.kind = 'merged' and r.state = 'Available' order by lfn, storage`,
  );

describe('a completed production', () => {
  it('runs jobs again with their seeds, replaces exactly their merged files, and is audited again', async () => {
    await complete();
    const before = await room.rows(
      `select number, seed, first_event, events from jobs where kind <> 'merge'`,
    );
    const files = await present();
    expect(files).toHaveLength(6);
    // Jobs 3 and 4 are in one merge; 3 is asked for, and 4 is needed because its output is gone.
    expect(await ask({ jobs: '3' })).toMatchObject({
      outcome: 'done',
      state: 'Active',
      reopened: [0],
    });
    expect(await again()).toEqual([3, 4]);
    expect(await present()).toEqual([...files.slice(0, 2), ...files.slice(4)]);
    expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
    await room.finishBlock(ref, 0);
    await audited();
    expect(
      await room.rows(`select number, seed, first_event, events from jobs where kind <> 'merge'`),
    ).toEqual(before);
    expect((await attempts()).map(({ attempt }) => attempt)).toEqual([
      1, 1, 2, 2, 1, 1, 1, 1, 1, 1,
    ]);
    expect(await present()).toHaveLength(6);
    expect(await room.rows(`select * from replicas where state = 'Removing'`)).toEqual([]);
    expect(
      await room.rows(`select who, what, why from events where what like 'reprocess:%'`),
    ).toEqual([
      {
        who: 'me',
        what: 'reprocess: 2 jobs run again (3-4), 1 merge is done anew',
        why: 'a bad disk',
      },
    ]);
  });

  it('gets a lost copy again without any job, and a file without a copy by its jobs', async () => {
    await complete();
    const copies = await room.rows<{ storage: string; path: string }>(
      `select r.storage, r.path from replicas r join files f on f.id = r.file_id
       where f.job = 7 order by r.storage`,
    );
    expect(await ask({ lost: [copies[0]] })).toMatchObject({ outcome: 'done', state: 'Active' });
    expect(await again()).toEqual([]);
    await room.finishBlock(ref, 0);
    await audited();
    const now = () =>
      room.rows(`select count(*) as copies from replicas where state = 'Available'`);
    expect(await now()).toEqual([{ copies: 6 }]);

    const all = await room.rows(
      `select r.storage, r.path from replicas r join files f on f.id = r.file_id where f.job = 7`,
    );
    await ask({ lost: all });
    expect(await again()).toEqual([1, 2]);
    await room.finishBlock(ref, 0);
    await audited();
    expect(await now()).toEqual([{ copies: 6 }]);
  });

  it.each([
    ['a merged file', `select lfn from files where job = 9`, [5, 6]],
    ['an unmerged output', `select lfn from files where job = 2`, [1, 2]],
  ])('finds the jobs of %s', async (_, query, jobs) => {
    await complete();
    await ask({ files: (await room.rows<{ lfn: string }>(query)).map(({ lfn }) => lfn) });
    expect(await again()).toEqual(jobs);
  });

  it('finds the jobs of all files in a folder', async () => {
    await complete();
    const [file] = await present();
    await ask({ files: [file!.lfn.slice(0, file!.lfn.lastIndexOf('/'))] });
    expect(await again()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('finds the jobs whose accepted attempt was at a site, since a time', async () => {
    await complete();
    await room.change(`update attempts set site = 'KMI', ended_at = 1000 * job where job < 10`);
    await room.change(`update attempts set site = 'UVic' where job in (1, 2)`);
    expect(await ask({ site: 'UVic' })).toMatchObject({ outcome: 'done' });
    expect(await again()).toEqual([1, 2]);
    await room.change(`update jobs set state = 'Done'`);
    expect(await ask({ site: 'UVic', since: 2001 })).toMatchObject({
      outcome: 'refused',
      message: 'no job of it has ended well at UVic since 1970-01-01T00:00:02.001Z',
    });
    expect(await ask({ jobs: '1-5', since: '1970-01-01T00:00:05Z' })).toMatchObject({
      outcome: 'done',
    });
    expect(await again()).toEqual([5, 6]);
  });
});

describe('a merge', () => {
  it('is repeated alone, with the same inputs, while they are there', async () => {
    await begin();
    await room.makeBlock(ref, 0);
    const [{ lfn } = { lfn: '' }] = await room.rows<{ lfn: string }>(
      `select lfn from files where job = 8`,
    );
    await ask({ jobs: '8' });
    expect(await again()).toEqual([8]);
    await room.finishBlock(ref, 0);
    await audited();
    const files = await room.rows<{ attempt: number; lfn: string; state: string }>(
      `select attempt, lfn, state from files where job = 8 order by attempt`,
    );
    expect(files).toMatchObject([
      { attempt: 1, lfn, state: 'Removed' },
      { attempt: 2, state: 'Valid' },
    ]);
    expect(files[1]?.lfn).not.toBe(lfn);
  });

  it('that runs while its input is made again comes to nothing, and is done anew', async () => {
    await begin();
    await room.runJobs(ref, 0, 'events');
    await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    await room.do.planMergeJobs({ ...ref, block: 0 });
    const { bundles } = await room.place(ref, 0, 'merge');
    expect(await ask({ jobs: '1' })).toMatchObject({ outcome: 'done', reopened: [0] });
    for (const order of bundles) await room.settle(order, room.report(order));
    await expect(
      room.do.closeStage({ ...ref, block: 0, stage: 'merge' }).catch(codeOf),
    ).resolves.toBe('FABRICA_BLOCK_REOPENED');
    await room.finishBlock(ref, 0);
    await audited();
    expect((await attempts()).slice(0, 3).map(({ attempt }) => attempt)).toEqual([2, 1, 1]);
  });
});

describe('a block', () => {
  it('goes back from wherever it is, and its workflow hears of it before anything is done', async () => {
    await begin();
    await room.makeBlock(ref, 0);
    for (const state of BLOCK_STATES) {
      if (state === 'Planned' || state === 'Discarded') continue;
      await room.change(`update blocks set state = '${state}', resume_state = null`);
      await room.change(`update jobs set state = 'Done' where kind <> 'merge'`);
      await room.change(`update productions set state = 'Active'`);
      expect(await ask({ jobs: '1' }), state).toMatchObject({ outcome: 'done', reopened: [0] });
      expect(await room.rows('select state from blocks'), state).toEqual([
        { state: 'Fabricating' },
      ]);
      const at = { ...ref, block: 0 };
      const codes = await Promise.all(
        [
          room.do.closeStage({ ...at, stage: 'events' }),
          room.do.closeStage({ ...at, stage: 'merge' }),
          room.do.planMergeJobs(at),
          room.do.advanceBlock({ ...at, to: 'Distributing' }),
          room.do.planTransfers(at),
          room.do.condemnLeftovers(at),
          room.do.finishBlock(at),
        ].map((one) => (one as Promise<unknown>).catch(codeOf)),
      );
      expect(new Set(codes), state).toEqual(new Set(['FABRICA_BLOCK_REOPENED']));
    }
  });

  it('that copies gives up the copies of files that are replaced, and removes what they may leave', async () => {
    await begin();
    await room.makeBlock(ref, 0);
    const { batches } = await room.do.planTransfers({ ...ref, block: 0 });
    await ask({ jobs: '1' });
    // Copies that were on their way arrive.
    for (const { storage, files } of batches) {
      const results = files.map(({ transfer }) => ({ transfer, failure: '' }));
      await room.do.recordCopies({ ...ref, block: 0, copies: [{ storage, results }] });
    }
    const gone = await room.rows<{ path: string }>(`select path from remnants`);
    expect(gone.length).toBeGreaterThan(0);
    await room.finishBlock(ref, 0);
    await audited();
    expect(await room.rows(`select state from transfers where state = 'Waiting'`)).toEqual([]);
  });

  it('that is held goes on with the jobs, and so does its production', async () => {
    await begin();
    await room.runJobs(ref, 0, 'events', (job, order) =>
      job.job === 3 ? failing()(job, order) : room.report(order).find((r) => r.job === job.job)!,
    );
    await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    expect(await ask({ jobs: '2' })).toMatchObject({ outcome: 'done', state: 'Active' });
    await room.runJobs(ref, 0, 'events');
    expect((await room.do.closeStage({ ...ref, block: 0, stage: 'events' })).held).toBe(true);
  });
});

describe('a paused production', () => {
  it('takes the request, and carries it out when it is resumed', async () => {
    await begin();
    await room.makeBlock(ref, 0);
    await room.do.command({ ...ref, command: { kind: 'pause', who: 'me', why: '' } });
    expect(await ask({ jobs: '1' })).toMatchObject({ outcome: 'done', state: 'Stopped' });
    await expect(room.place(ref, 0).catch(codeOf)).resolves.toBe('FABRICA_PLACE_WAIT');
    await room.do.command({ ...ref, command: { kind: 'resume', who: 'me', why: '' } });
    await room.finishBlock(ref, 0);
    await audited();
  });
});

describe('a request', () => {
  it('twice at the same moment is one', async () => {
    await complete();
    await Promise.all([ask({ jobs: '3' }), ask({ jobs: '3' })]);
    expect(await again()).toEqual([3, 4]);
    expect(
      await room.rows(`select what from events where what like 'reprocess%' order by id`),
    ).toEqual([
      { what: 'reprocess: 2 jobs run again (3-4), 1 merge is done anew' },
      { what: 'reprocess: 3 runs already' },
    ]);
  });

  it.each([
    [undefined, 'it must be told what: jobs, files, a site or a time (since)'],
    [{ jobs: '' }, 'jobs are numbers and ranges such as 3,5-9, not nothing'],
    [{ jobs: 'all' }, 'jobs are numbers and ranges such as 3,5-9, not "all"'],
    [{ jobs: '0' }, 'jobs are numbers and ranges such as 3,5-9, not "0"'],
    [{ jobs: '5-3' }, 'the range 5-3 is reversed: write 3-5'],
    [{ jobs: '10' }, 'there is no job 10: its jobs are 1-9'],
    [{ jobs: '3,8-1000000' }, 'there are no jobs 10-1000000: its jobs are 1-9'],
    [{ jobs: ['3'] }, 'jobs are a text such as "3,5-9", not a list of 1'],
    [{ files: ['/nowhere'] }, 'it has made no file "/nowhere", and none in such a folder'],
    [
      { files: ['a'] },
      'files are a list of at most 10000 LFNs that begin with "/", not a list of 1',
    ],
    [
      { files: [] },
      'files are a list of at most 10000 LFNs that begin with "/", not an empty list',
    ],
    [
      { lost: [{ storage: 'KMI-DISK', path: '/a' }] },
      'no file of it is catalogued as "/a" on "KMI-DISK"',
    ],
    [
      { lost: [{ storage: 'KMI-DISK', path: '/a' }], jobs: '1' },
      'lost copies are named alone, without jobs, files, site or since',
    ],
    [
      { since: 'yesterday' },
      'since is a time such as "2026-03-01T12:00:00Z" or ms since 1970, not "yesterday"',
    ],
    [{ since: 1e15 }, 'no job of it has ended well since +033658-09-27T01:46:40.000Z'],
  ])('with %j is refused with the reason, and changes nothing', async (select, message) => {
    await begin();
    await room.makeBlock(ref, 0);
    const before = await room.dump();
    expect(await ask(select)).toMatchObject({ outcome: 'refused', message, reopened: [] });
    const { events: eventsBefore, ...rest } = before;
    const { events, ...now } = await room.dump();
    expect(now).toEqual(rest);
    expect(events).toHaveLength((eventsBefore?.length ?? 0) + 1);
  });

  it('names no site that is not there', async () => {
    await begin();
    const { message } = await ask({ site: 'NOWHERE' });
    expect(message).toMatch(/^no site is named "NOWHERE"; there are /);
  });

  it('is refused whole if a job of it can not run again', async () => {
    await complete();
    await room.change(`update jobs set state = 'Split' where number = 1`);
    await room.change(`update jobs set state = 'Waived' where number in (2, 3)`);
    await room.change(`update jobs set state = 'Parked' where number = 4`);
    expect(await ask({ jobs: '1-6' })).toMatchObject({
      outcome: 'refused',
      message:
        'only jobs that are done run again; job 4: parked; job 1: split: other jobs have its events; jobs 2-3: given up',
    });
    expect(await again()).toEqual([]);
  });

  it('never fails, whatever the state of the production and its block', async () => {
    await complete();
    for (const state of PRODUCTION_STATES) {
      for (const block of BLOCK_STATES) {
        await room.change(`update productions set state = '${state}', resume_state = null`);
        await room.change(`update blocks set state = '${block}', resume_state = null`);
        await room.change(`update jobs set state = 'Done'`);
        const answer = await ask({ jobs: '1' });
        const ends = ['Active', 'Held', 'Stopped', 'Completing', 'Completed'].includes(state);
        if (block !== 'Discarded')
          expect(answer.outcome !== 'refused', `${state} ${block}`).toBe(ends);
      }
    }
  }, 60_000);
});
