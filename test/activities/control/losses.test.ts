import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Discrepancy } from '../../../domain/audit.js';
import { ControlRoom, definition, type Ref } from './control-room.js';

/** Jobs 1 to 6 of 10 events each, merged two by two by jobs 7 to 9, two copies of each: all in block 0. */
let room: ControlRoom;
let ref: Ref;
let at: Ref & { block: number };
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition({ scouts: { jobs: 0 } }));
  at = { ...ref, block: 0 };
  await room.step(ref);
  await room.do.openBlock(at);
});
afterEach(() => room.close());

const copiesOf = (job: number) =>
  room.rows<{ storage: string; path: string }>(
    `select r.storage, r.path from replicas r join files f on f.id = r.file_id
     where f.job = ${job} and f.state = 'Valid' and r.state = 'Available' order by r.storage`,
  );
const waiting = async () =>
  (
    await room.rows<{ number: number }>(
      `select number from jobs where state = 'Waiting' order by number`,
    )
  ).map(({ number }) => number);

/** What a verification tells of copies: by storage. */
async function verified(copies: readonly { storage: string; path: string }[]): Promise<number> {
  let reprocessed = 0;
  for (const { storage, path } of copies) {
    const problems = [{ path, problem: 'missing' as const, text: `${path} is missing` }];
    reprocessed += (await room.do.recordProblems({ ...at, storage, problems })).reprocessed;
  }
  return reprocessed;
}

const audit = async (copies: readonly { storage: string; path: string }[], kind = 'missing') =>
  room.do.concludeAudit({
    ...ref,
    discrepancies: copies.map(({ storage, path }): Discrepancy => ({
      kind: kind as Discrepancy['kind'],
      text: `${path} on ${storage}`,
      storage,
      path,
    })),
  });

async function whole(): Promise<void> {
  await room.finishBlock(ref, 0);
  expect((await room.step(ref)).step).toEqual({ do: 'audit' });
  const { passed, reason, state } = await audit([]);
  expect({ passed, state }, reason).toEqual({ passed: true, state: 'Completed' });
}

describe('a merged file that is lost before it is copied', () => {
  it('is merged again from the same inputs, alone', async () => {
    await room.makeBlock(ref, 0);
    expect(await verified(await copiesOf(8))).toBe(1);
    expect(await waiting()).toEqual([8]);
    await room.do.reopenBlock(at);
    await whole();
    expect(await room.rows('select number, attempt from jobs where attempt > 1')).toEqual([
      { number: 8, attempt: 2 },
    ]);
  });

  it('is made again from its jobs if an input is lost as well; the other input is kept', async () => {
    await room.makeBlock(ref, 0);
    const [input, file] = [await copiesOf(3), await copiesOf(8)];
    await room.do.recordProblems({
      ...at,
      storage: input[0]!.storage,
      problems: [{ path: input[0]!.path, problem: 'checksum', text: 'damaged' }],
    });
    expect(await verified(file)).toBeGreaterThan(0);
    expect(await waiting()).toEqual([3]);
    await room.do.reopenBlock(at);
    await whole();
    expect(await room.rows(`select number from jobs where attempt > 1`)).toEqual([{ number: 3 }]);
  });

  it('is not copied when its copies fail for that: they are given up with it', async () => {
    await room.makeBlock(ref, 0);
    const source = await copiesOf(7);
    const { batches } = await room.do.planTransfers(at);
    for (const { storage, files } of batches) {
      const results = files.map(({ sourcePath, transfer }) => ({
        transfer,
        failure: sourcePath === source[0]?.path ? 'no such file' : '',
      }));
      await room.do.recordCopies({ ...at, copies: [{ storage, results }] });
    }
    // The next round has asked for the copy again when the loss is found.
    await room.do.planTransfers(at);
    expect(await verified(source)).toBe(1);
    expect(await room.rows(`select * from transfers where state = 'Waiting'`)).toEqual([]);
    await room.do.reopenBlock(at);
    await whole();
  });
});

describe('a copy that the audit finds lost or damaged', () => {
  it.each(['missing', 'checksum', 'size'])(
    'is made again from the other one (%s)',
    async (kind) => {
      await room.finishBlock(ref, 0);
      await room.step(ref);
      const [bad] = await copiesOf(7);
      expect(await audit([bad!], kind)).toMatchObject({ passed: false, state: 'Active' });
      expect(await waiting()).toEqual([]);
      expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
      // While the bad copy is there, no other goes to its place.
      await room.makeBlock(ref, 0);
      const { batches } = await room.do.planTransfers(at);
      expect(batches.map(({ storage }) => storage)).not.toContain(bad?.storage);
      await whole();
      expect(await copiesOf(7)).toHaveLength(2);
      expect(await room.rows(`select number from jobs where attempt > 1`)).toEqual([]);
    },
  );

  it('and was the last one is made again by the jobs, whose unmerged outputs are gone', async () => {
    await room.finishBlock(ref, 0);
    await room.step(ref);
    expect(await audit(await copiesOf(9))).toMatchObject({ state: 'Active' });
    expect(await waiting()).toEqual([5, 6]);
    await whole();
  });

  it('is one of too many: a person must look at the storage first', async () => {
    await room.finishBlock(ref, 0);
    await room.step(ref);
    const [bad] = await copiesOf(9);
    const many = Array.from({ length: 21 }, (_, i) => ({ ...bad!, path: `/${i}` }));
    expect(await audit([bad!, ...many])).toMatchObject({ passed: false, state: 'Held' });
    expect(await waiting()).toEqual([]);
  });

  it('again and again is left to a person', async () => {
    await room.finishBlock(ref, 0);
    for (let i = 0; i < 3; i++) {
      await room.step(ref);
      expect(await audit((await copiesOf(9)).slice(0, 1))).toMatchObject({ state: 'Active' });
      await room.finishBlock(ref, 0);
    }
    await room.step(ref);
    expect(await audit((await copiesOf(9)).slice(0, 1))).toMatchObject({ state: 'Held' });
    // A person has it mended: it was held by its audit, and goes on.
    const lost = (await copiesOf(9)).slice(0, 1);
    const command = { kind: 'reprocess', select: { lost }, who: 'me', why: 'mended' } as const;
    expect(await room.do.command({ ...ref, command })).toMatchObject({ state: 'Active' });
    await whole();
  });
});

describe('a copy to a place where one was removed in vain', () => {
  it('is no debt any more', async () => {
    await room.makeBlock(ref, 0);
    const { batches } = await room.do.planTransfers(at);
    const [{ storage, files } = { storage: '', files: [] }] = batches;
    const path = files[0]?.path ?? '';
    await room.change(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       values (1, 0, '${storage}', '${path}', 'file', 'Debt', 'silent', 0)`,
    );
    await room.copy(ref, 0);
    expect(await room.rows(`select * from remnants where path = '${path}'`)).toEqual([]);
  });
});
