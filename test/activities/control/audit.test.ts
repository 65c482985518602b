import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unpack } from '../../../activities/packed.js';
import { ControlRoom, definition, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(
    definition({
      fabrication: { outputs: [{ file: 'out.root' }, { file: 'log.txt', level: 'log' }] },
    }),
  );
  await room.complete(ref);
});
afterEach(() => room.close());

const audit = () => room.do.concludeAudit({ ...ref, discrepancies: [] });

describe('the audit of a completed production', () => {
  it('finds nothing, and finds nothing again', async () => {
    expect(await audit()).toMatchObject({ passed: true, state: 'Completed' });
    expect(await audit()).toMatchObject({ passed: true, state: 'Completed' });
  });

  it.each<[string, string, RegExp]>([
    ['a seed given twice', `update jobs set seed = 1 where number = 2`, /seeds: 1 seeds belong/],
    [
      'event ranges that overlap',
      `update jobs set first_event = 15 where number = 3`,
      /events: 1 event ranges overlap/,
    ],
    [
      'a job that never ended',
      `update jobs set state = 'Waiting' where number = 2`,
      /unfinished: 1 jobs have not ended/,
    ],
    [
      'events that nobody made',
      `update jobs set state = 'Cancelled' where number = 2`,
      /events: 50 events are made and 0 waived, 60 were asked for/,
    ],
    [
      'a merged file with events lost',
      `update files set events = events - 1
       where id = (select min(id) from files where kind = 'merged' and level = 'mdst')`,
      /events: the final mdst files hold 59 events, 60 were made/,
    ],
    [
      'a merged file that is not valid',
      `update files set state = 'Invalid'
       where id = (select min(id) from files where kind = 'merged' and level = 'log')`,
      /events: the final log files hold 40 events, 60 were made/,
    ],
    [
      'a data level without any file',
      `update files set state = 'Invalid' where kind = 'merged' and level = 'log'`,
      /events: the final log files hold 0 events, 60 were made/,
    ],
    [
      'an output in no merge',
      `delete from job_inputs where file_id = (select min(file_id) from job_inputs)`,
      /merge: 1 outputs are in no merge/,
    ],
    [
      'an output in two merges',
      `insert into job_inputs (production_id, job, position, file_id) select production_id, (select max(number) from jobs), 99, file_id
       from job_inputs order by file_id limit 1`,
      /merge: 1 outputs are in more than one merge/,
    ],
    [
      'a missing copy',
      `delete from replicas where file_id = (select max(file_id) from replicas) and storage in
       (select storage from replicas where file_id = (select max(file_id) from replicas) limit 1)`,
      /copies: 1 final files have 1 copies, 2 are wanted \(e\.g\. \/belle/,
    ],
    [
      'a remnant',
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       values (1, 0, 'KMI-TMP', '/a', 'file', 'Pending', '', 0)`,
      /remnant: 1 remnants are not removed/,
    ],
  ])('finds %s', async (_, planted, expected) => {
    await room.change(planted);
    const { passed, state, reason, discrepancies } = await audit();
    const told = discrepancies.map((one) => `${one.kind}: ${one.text}`);
    expect({ passed, state }).toEqual({ passed: false, state: 'Held' });
    expect(reason).toContain(discrepancies[0]?.text);
    expect(told.filter((text) => expected.test(text))).toHaveLength(1);
  });

  it('lists debts without failing for them', async () => {
    await room.change(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       values (1, 0, 'KMI-TMP', '/a', 'file', 'Debt', 'silent', 0)`,
    );
    const { passed, reason } = await audit();
    expect(passed).toBe(true);
    expect(reason).toContain('1 remnant waits on KMI-TMP');
  });

  it('can be repaired and repeated after a release', async () => {
    await room.change(`update jobs set seed = 1 where number = 2`);
    expect((await audit()).state).toBe('Held');
    await room.change(`update jobs set seed = 2 where number = 2`);
    const command = { kind: 'release', who: 'me', why: '' } as const;
    await room.do.command({ ...ref, command });
    expect((await room.step(ref)).step).toEqual({ do: 'audit' });
    expect(await audit()).toMatchObject({ passed: true, state: 'Completed' });
  });

  it('asks the storages for every copy, however the pages fall', async () => {
    // More copies than a page holds, and three of each file: a page ends in the middle of a file.
    for (const storage of ['KEK-DISK', 'UVic-DISK', 'PNNL-DISK']) {
      await room.change(
        `insert into files (lfn, production_id, job, attempt, kind, level, state, size, adler32, events, metadata, created_at)
         select '/extra/' || value, 1, 1, 1, 'merged', 'mdst', 'Valid', 1, '00000001', 1, '{}', 0
         from json_each('[' || substr(replace(hex(zeroblob(1500)), '00', ',1'), 2) || ']') where true
         on conflict do nothing`.replace("'/extra/' || value", "'/extra/' || key"),
      );
      await room.change(
        `insert into replicas select id, '${storage}', lfn, 'Available', 0 from files
         where lfn like '/extra/%' and true`,
      );
    }
    const asked: string[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: Awaited<ReturnType<typeof room.do.filesToAudit>> = await room.do.filesToAudit({
        ...ref,
        after,
      });
      for (const { storage, files } of page.batches) {
        asked.push(...unpack(files).map(({ path }) => `${storage}${path}`));
      }
      after = page.next;
    }
    const all = await room.rows<{ place: string }>(
      `select storage || path as place from replicas where state = 'Available'`,
    );
    expect(all.length).toBeGreaterThan(4000);
    expect(asked.sort()).toEqual(all.map((row) => row.place).sort());
  });

  it('knows which paths on a storage it can explain', async () => {
    const [known] = await room.rows<{ storage: string; path: string }>(
      `select storage, path from replicas where state = 'Available' limit 1`,
    );
    const { storage, path } = known!;
    const unknown = await room.do.unknownPaths({ ...ref, storage, paths: [path, `${path}.dark`] });
    expect(unknown).toEqual([`${path}.dark`]);
    const { directories, storages } = await room.do.directoriesToAudit(ref);
    expect(directories.some((directory) => path.startsWith(`${directory}/`))).toBe(true);
    expect(storages).toContain(storage);
  });
});
