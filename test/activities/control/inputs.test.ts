import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BundleOrder } from '../../../domain/bundle.js';
import type { CommandKind } from '../../../domain/command.js';
import type { DefinitionInput } from '../../../domain/definition.js';
import { pack, unpack } from '../../../activities/packed.js';
import { NOTHING_PACKED } from '../../../domain/packed.js';
import { ControlRoom, definition, failing, good, type Outcome } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

/** A skim of what `definition()` makes: two files a job, no merge unless asked for. */
function skim(more: Parameters<typeof definition>[0] = {}): DefinitionInput {
  const { fabrication, ...rest } = more;
  const input = definition({
    name: 'skim',
    merge: null,
    input: { dataset: { production: 'mumu' }, grouping: { maxFiles: 2 } },
    scouts: { jobs: 1 },
    fabrication: {
      command: ['./skim', '{output}', '{inputs}'],
      eventsPerJob: 'auto',
      ...fabrication,
    },
    ...rest,
  });
  delete input.events;
  return input;
}

/** `mumu`: 60 events in three merged files of 20, two copies each. */
async function mumu(more: Parameters<typeof definition>[0] = {}): Promise<string[]> {
  const ref = await room.register(definition(more));
  await room.complete(ref);
  await room.change(`update productions set state = 'Completed' where name = '${ref.production}'`);
  return lfnsOf(ref.production);
}

async function lfnsOf(production: string): Promise<string[]> {
  const rows = await room.rows<{ lfn: string }>(
    `select f.lfn from files f join productions p on p.id = f.production_id
     where p.name = '${production}' and f.kind = 'merged' and f.state = 'Valid' order by f.lfn`,
  );
  return rows.map(({ lfn }) => lfn);
}

const registering = (input: DefinitionInput): Promise<unknown> =>
  room.do.register({ definition: input, workflowId: `production/${input.name}`, by: 'tester' });

async function counts(): Promise<unknown> {
  const [row] = await room.rows(
    `select (select count(*) from productions) as productions, (select count(*) from production_inputs) as inputs`,
  );
  return row;
}

describe('a production that reads a dataset', () => {
  it('has the events of its files, gives each file to one job, and its outputs know where they come from', async () => {
    const files = await mumu();
    const ref = await room.register(skim());
    await room.complete(ref);
    const [production] = await room.rows(
      `select events, inputs, state from productions where name = 'skim'`,
    );
    expect(production).toEqual({ events: 60, inputs: 3, state: 'Completing' });
    const given = await room.rows<{ job: number; lfn: string }>(
      `select i.job, f.lfn from job_inputs i join files f on f.id = i.file_id
       join productions p on p.id = i.production_id where p.name = 'skim' order by i.job, i.position`,
    );
    expect(given.map(({ lfn }) => lfn).sort()).toEqual(files);
    const parents = await room.rows<{ job: number; lfn: string }>(
      `select o.job, f.lfn from file_parents r join files o on o.id = r.file_id join files f on f.id = r.parent_id
       join productions p on p.id = o.production_id where p.name = 'skim' order by o.job, f.lfn`,
    );
    expect(parents).toEqual([...given].sort((a, b) => a.job - b.job || (a.lfn < b.lfn ? -1 : 1)));
    const ranges = await room.rows(
      `select j.first_event, j.events from jobs j join productions p on p.id = j.production_id
       where p.name = 'skim' order by j.number`,
    );
    expect(ranges[0]).toMatchObject({ first_event: 1 });
    const conclusion = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(conclusion).toMatchObject({ passed: true, state: 'Completed' });
  });

  it('keeps the number of events that were written, and its audit counts both', async () => {
    await mumu();
    const ref = await room.register(skim());
    const half: Outcome = (job, order) => {
      const report = good(job, order);
      const outputs = report.outputs.map((one) => ({ ...one, events: job.events / 2 }));
      return { ...report, outputs };
    };
    await room.complete(ref, half);
    const [files] = await room.rows(
      `select sum(f.events) as events from files f join productions p on p.id = f.production_id where p.name = 'skim'`,
    );
    expect(files).toEqual({ events: 30 });
    const conclusion = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(conclusion).toMatchObject({ passed: true, state: 'Completed' });
  });

  it.each(['Active', 'Rejected', 'Completed', 'Cancelled'])(
    'is extended in no state: not when it is %s',
    async (state) => {
      await mumu();
      const ref = await room.register(skim());
      await room.change(`update productions set state = '${state}' where name = 'skim'`);
      const command = { kind: 'extend', select: { events: 10 }, who: 'me', why: '' } as const;
      expect(await room.do.command({ ...ref, command })).toMatchObject({
        ...{ outcome: 'refused', message: 'its events are those of the files that it reads' },
        refusal: {
          code: 'FABRICA_COMMAND_INVALID',
          remedy: 'Submit a production that reads the further files under another name than skim.',
        },
      });
    },
  );

  it('does not believe that more events were written than read', async () => {
    await mumu();
    const ref = await room.register(skim());
    const more: Outcome = (job, order) => {
      const report = good(job, order);
      return {
        ...report,
        outputs: report.outputs.map((one) => ({ ...one, events: job.events + 1 })),
      };
    };
    await room.scout(ref, more);
    const [attempt] = await room.rows<{ reason: string }>(
      `select reason from attempts where reason like '%in its output%' limit 1`,
    );
    expect(attempt?.reason).toMatch(/reports \d+ events in its output mdst, of \d+/);
  });

  it('merges what its jobs have written', async () => {
    await mumu();
    const input = skim({
      merge: { command: ['./join', '{output}', '{inputs}'], targetEvents: 1000 },
    });
    const ref = await room.register(input);
    await room.complete(ref);
    const conclusion = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(conclusion).toMatchObject({ passed: true });
  });

  it('gives the same files to each attempt, the copies near its site first', async () => {
    await mumu();
    const ref = await room.register(skim());
    const seen: BundleOrder['inputs'][] = [];
    await room.scout(ref, (job, order) => {
      seen.push(order.inputs);
      return job.attempt === 1 ? failing()(job, order) : good(job, order);
    });
    expect(seen.length).toBeGreaterThan(1);
    const files = (inputs: BundleOrder['inputs'] = NOTHING_PACKED) =>
      unpack(inputs).flatMap((one) =>
        one.files.map(({ name, replicas }) => [name, replicas[0]?.path]),
      );
    expect(files(seen[1])).toEqual(files(seen[0]));
    expect(files(seen[0])).toEqual([
      ['input0001.root', expect.any(String)],
      ['input0002.root', expect.any(String)],
    ]);
  });

  it('divides the files of a job that is too big, and parks one of a single file', async () => {
    await mumu();
    const ref = await room.register(skim({ retries: { attempts: 3, backoff: 1 } }));
    await room.scout(ref);
    const tooBig = failing({ step: 'wall-limit', reason: 'ended at the wall limit' });
    const block = await room.lastBlock(ref);
    await room.do.openBlock({ ...ref, block });
    await room.runJobs(ref, block, 'events', tooBig);
    const rows = await room.rows<{ number: number; state: string; split_from: number | null }>(
      `select j.number, j.state, j.split_from, j.events from jobs j join productions p on p.id = j.production_id
       where p.name = 'skim' order by j.number`,
    );
    expect(rows.some(({ state }) => state === 'Parked')).toBe(true);
    const inputs = await room.rows<{ job: number; files: number }>(
      `select i.job, count(*) as files from job_inputs i join productions p on p.id = i.production_id
       where p.name = 'skim' group by i.job order by i.job`,
    );
    for (const { number, state } of rows) {
      const own = inputs.find(({ job }) => job === number)?.files ?? 0;
      if (state === 'Split') expect(own).toBeGreaterThan(1);
      else if (state === 'Parked') expect(own).toBe(1);
    }
  });
});

describe('the registration of a production that reads files', () => {
  it('fixes the files: what is made later is none of its business', async () => {
    await mumu();
    await room.register(skim({ input: { dataset: { campaign: 'MC16' } } }));
    const before = await counts();
    await mumu({ name: 'more', dataset: { eventType: 'mumu' } });
    expect(await counts()).toMatchObject({ inputs: (before as { inputs: number }).inputs });
  });

  it.each<[string, (files: string[]) => Partial<DefinitionInput>, RegExp]>([
    [
      'a file that nobody knows',
      ([one = '']) => ({ input: { files: [one, '/belle/nothing'] } }),
      /input: 1 file can not be used:\n {2}2: \/belle\/nothing is not in the catalog/,
    ],
    [
      'a production that nobody knows',
      () => ({ input: { dataset: { production: 'nobody' } } }),
      /input.dataset: no production is named nobody/,
    ],
    [
      'a campaign without productions',
      () => ({ input: { dataset: { campaign: 'MC17' } } }),
      /input.dataset: it matches no production/,
    ],
    [
      'a data level that is not there',
      () => ({ input: { dataset: { production: 'mumu', level: 'udst' } } }),
      /no files of data level udst are there; mumu has mdst/,
    ],
    [
      'unmerged files of what merges',
      () => ({ input: { dataset: { production: 'mumu', kind: 'output' } } }),
      /mumu merge what they make, and keep merged files only: leave kind out/,
    ],
    [
      'more overlay files than there are',
      () => ({
        overlay: { dataset: { production: 'mumu' }, filesPerJob: 9 },
      }),
      /overlay.filesPerJob: each job wants 9 files, and there are 3/,
    ],
    [
      'files that do not fit on the disk of a job',
      () => ({ fabrication: { ...skim().fabrication, limits: { disk: 10 } } }),
      /input: 3 files can not be used:\n.* has 2(.\d+)? kB, and a job has 10 B of disk/,
    ],
  ])('refuses %s, and registers nothing', async (_, more, message) => {
    const files = await mumu();
    const before = await room.dump();
    await expect(registering({ ...skim(), ...more(files) })).rejects.toMatchObject({
      type: 'FABRICA_INPUT_INVALID',
      nonRetryable: true,
      message: expect.stringMatching(message) as string,
    });
    expect(await room.dump()).toEqual(before);
  });

  it('tells each kind of file that can not be read', async () => {
    const [one = '', two = '', three = ''] = await mumu();
    await room.change(
      `update replicas set state = 'Removing' where file_id = (select id from files where lfn = '${one}')`,
    );
    await room.change(`update files set state = 'Invalid' where lfn = '${two}'`);
    const [output] = await room.rows<{ lfn: string }>(
      `select lfn from files where kind = 'output' limit 1`,
    );
    await room.change(`update files set state = 'Valid' where lfn = '${output?.lfn ?? ''}'`);
    const input = skim({ input: { files: [one, two, three, output?.lfn ?? ''] } });
    await expect(registering(input)).rejects.toMatchObject({
      message: expect.stringMatching(
        /3 files can not be used:\n {2}1: .* has no good copy on any storage\n {2}2: .* is Invalid: it has been replaced or removed\n {2}4: .* is an unmerged output of mumu/,
      ) as string,
    });
  });

  it.each(['Active', 'Cleaning', 'Rejected'])(
    'refuses the dataset of a production that is %s',
    async (state) => {
      await mumu();
      await room.change(`update productions set state = '${state}' where name = 'mumu'`);
      await expect(registering(skim())).rejects.toMatchObject({
        message: expect.stringContaining(`mumu is ${state}`) as string,
      });
    },
  );

  it.each(['Cleaning', 'Cleaned', 'Archived'])(
    'does not have anybody wait for a production that is %s: its files are gone',
    async (state) => {
      await mumu();
      await room.change(`update productions set state = '${state}' where name = 'mumu'`);
      await expect(registering(skim())).rejects.toMatchObject({
        message: expect.stringMatching(
          /^input\.dataset: mumu is [A-Z]\w+: its files are removed, (?!.*wait)/,
        ) as string,
      });
    },
  );

  it('can not be amended to a disk that its files do not fit on', async () => {
    await mumu();
    const ref = await room.register(skim());
    const amend = (disk: string) =>
      room.do.command({
        ...ref,
        command: {
          ...{ kind: 'amend', who: 'ann', why: '' },
          select: { set: { 'fabrication.limits.disk': disk } },
        },
      });
    expect(await amend('1B')).toMatchObject({
      outcome: 'refused',
      message: expect.stringContaining('of disk, and its input file /belle') as string,
    });
    expect(await amend('1GB')).toMatchObject({ outcome: 'done' });
  });

  it('notes that the dataset of a cancelled production is not whole', async () => {
    await mumu();
    await room.change(`update productions set state = 'Cancelled' where name = 'mumu'`);
    await room.register(skim());
    expect(await room.rows(`select why from events where what like 'input fixed%'`)).toEqual([
      {
        why: expect.stringContaining(
          'mumu is Cancelled: these are the files that it had finished, not all of its 60 events',
        ) as string,
      },
    ]);
  });

  it('refuses files of a production that is being cleaned', async () => {
    const files = await mumu();
    await room.change(`update productions set state = 'Cleaning' where name = 'mumu'`);
    await expect(registering(skim({ input: { files } }))).rejects.toMatchObject({
      message: expect.stringContaining('belongs to mumu, which is Cleaning') as string,
    });
  });
});

describe('a list of input files', () => {
  const stored = {
    ...{ name: 'files.txt', lfn: '/belle/sandbox/abc/files.txt', storage: 'KMI-DISK' },
    ...{ size: 10, adler32: '0000abcd' },
  };

  async function stage(lfns: readonly string[]): Promise<void> {
    const files = pack(lfns.map((lfn, i) => ({ line: i + 1, lfn })));
    await room.do.stageList({ production: 'skim', lfn: stored.lfn, first: true, files });
  }

  it('is read like files that are named, and is forgotten then', async () => {
    const files = await mumu();
    await stage(files);
    await room.register(skim({ input: { list: stored, grouping: { maxFiles: 2 } } }));
    expect(await counts()).toMatchObject({ inputs: 3 });
    expect(await room.rows('select * from listed_inputs')).toEqual([]);
  });

  it('tells the lines of what can not be used, the first 20, and registers nothing', async () => {
    const [one = ''] = await mumu();
    await stage([one, one, ...Array.from({ length: 30 }, (_, i) => `/belle/none${i}`)]);
    await expect(registering(skim({ input: { list: stored } }))).rejects.toMatchObject({
      message: expect.stringMatching(
        /input\.list: the list files\.txt has 31 lines that can not be used:\n {2}line 2: .* is in line 1 already\n {2}line 3: \/belle\/none0 is not in the catalog\n(.*\n){18} {2}and 11 more/,
      ) as string,
    });
    expect(await counts()).toMatchObject({ productions: 1, inputs: 0 });
  });

  it('is refused with the faults of all kinds together, in the order of its lines', async () => {
    const [one = '', two = ''] = await mumu();
    await room.change(
      `update replicas set state = 'Removing' where file_id = (select id from files where lfn = '${two}')`,
    );
    const lines = [one, '"no lfn"', '/belle/none', two, one, '"no lfn"'];
    const files = pack(lines.map((lfn, i) => ({ line: 2 * (i + 1), lfn })));
    await room.do.stageList({ production: 'skim', lfn: stored.lfn, first: true, files });
    const input = { list: stored };
    const overlay = { files: [one, '/belle/none'], filesPerJob: 1 };
    await expect(registering(skim({ input, overlay }))).rejects.toMatchObject({
      message: expect.stringContaining(
        `input.list: the list files.txt has 5 lines that can not be used:
  line 4: "no lfn" is no LFN
  line 6: /belle/none is not in the catalog
  line 8: ${two} has no good copy on any storage
  line 10: ${one} is in line 2 already
  line 12: "no lfn" is no LFN
overlay: 1 file can not be used:
  2: /belle/none is not in the catalog
`,
      ) as string,
    });
  });

  it('is read by each job as one of its files only, not as payload', async () => {
    await stage(await mumu());
    const ref = await room.register(skim({ input: { list: stored } }));
    let order: BundleOrder | undefined;
    await room.scout(ref, (job, given) => {
      order = given;
      return good(job, given);
    });
    expect(order?.recipe.payload).toEqual([]);
  });
});

describe('overlay', () => {
  it('is chosen by the seed of each job, the same in each attempt, evenly spread, and is no parent', async () => {
    await mumu();
    const ref = await room.register(
      definition({
        name: 'mixed',
        merge: null,
        overlay: { dataset: { production: 'mumu' }, filesPerJob: 2 },
      }),
    );
    await room.complete(ref, (job, order) => {
      expect(unpack(order.inputs).find((one) => one.job === job.job)?.overlay).toHaveLength(2);
      return job.attempt === 1 && job.job === 3 ? failing()(job, order) : good(job, order);
    });
    const uses = await room.rows<{ uses: number }>(
      `select count(*) as uses from job_inputs i join productions p on p.id = i.production_id
       where p.name = 'mixed' and i.role = 'overlay' group by i.file_id`,
    );
    expect(uses).toEqual([{ uses: 4 }, { uses: 4 }, { uses: 4 }]);
    const parents = await room.rows(
      `select * from file_parents r join files o on o.id = r.file_id join productions p on p.id = o.production_id where p.name = 'mixed'`,
    );
    expect(parents).toEqual([]);
    const conclusion = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(conclusion).toMatchObject({ passed: true });
  });
});

describe('a production whose overlay is gone', () => {
  /** `mixed` reads a file of `mumu` in each of its two jobs, and has ended. */
  async function mixed(): Promise<{ epoch: string; production: string }> {
    await mumu();
    const ref = await room.register(
      definition({
        name: 'mixed',
        events: 20,
        merge: null,
        scouts: { jobs: 0 },
        overlay: { dataset: { production: 'mumu' }, filesPerJob: 3 },
      }),
    );
    await room.complete(ref);
    await room.do.concludeAudit({ ...ref, discrepancies: [] });
    return ref;
  }
  const tell = (ref: { epoch: string; production: string }, kind: CommandKind, select: object) =>
    room.do.command({ ...ref, command: { kind, select, who: 'me', why: '' } });
  const ofMumu = `(select f.id from files f join productions p on p.id = f.production_id where p.name = 'mumu' and f.kind = 'merged')`;

  it.each([
    [
      'reprocess',
      { jobs: '1' },
      /^job 1 can not run again: no good copy of the overlay file .* of mumu is left$/,
      /./,
    ],
    [
      'extend',
      { events: 20 },
      /^3 files that it reads have no good copy any more \(e\.g\. .*\)$/,
      /^Ask again when they are there, or submit .* under another name than mixed, with other files\.$/,
    ],
  ] as const)('takes no %s, and keeps what it has', async (kind, select, message, remedy) => {
    const ref = await mixed();
    await room.change(`update replicas set state = 'Removing' where file_id in ${ofMumu}`);
    const before = await room.dump();
    const answer = await tell(ref, kind, select);
    expect(answer).toMatchObject({ outcome: 'refused', state: 'Completed' });
    expect(answer.message).toMatch(message);
    expect(answer.refusal?.remedy).toMatch(remedy);
    const { events, ...after } = await room.dump();
    expect(events).toHaveLength((before.events?.length ?? 0) + 1);
    expect({ ...after, events: before.events }).toEqual(before);
    await room.change(`update replicas set state = 'Available' where state = 'Removing'`);
    expect(await tell(ref, kind, select)).toMatchObject({ outcome: 'done', state: 'Active' });
  });

  it.each([
    ['reprocess', { jobs: '1' }],
    ['extend', { events: 20 }],
  ] as const)('takes a request to %s once it has been made again', async (kind, select) => {
    const ref = await mixed();
    const source = { ...ref, production: 'mumu' };
    expect(await tell(source, 'reprocess', { jobs: '1-6' })).toMatchObject({ outcome: 'done' });
    await room.complete(source);
    expect(
      await room.rows(`select distinct state from files where id in ${ofMumu} order by state`),
    ).not.toEqual([{ state: 'Valid' }]);
    expect(await tell(ref, kind, select)).toMatchObject({ outcome: 'done', state: 'Active' });
    await room.complete(ref);
    expect(await room.do.concludeAudit({ ...ref, discrepancies: [] })).toMatchObject({
      passed: true,
    });
  });
});

describe('files that a production reads', () => {
  const said = async (production: string): Promise<string> => {
    const [event] = await room.rows<{ why: string }>(
      `select e.why from events e join productions p on p.id = e.production_id
       where p.name = '${production}' order by e.id desc limit 1`,
    );
    return event?.why ?? '';
  };
  const asked = (kind: 'clean' | 'reprocess' | 'rescout' | 'release', select?: object) => ({
    ...{ kind, who: 'me', why: '' },
    ...(select === undefined ? {} : { select }),
  });
  const source = (): { epoch: string; production: string } => ({
    epoch: room.catalog.epoch,
    production: 'mumu',
  });

  it('are not cleaned before it has ended', async () => {
    await mumu();
    const ref = await room.register(skim());
    const refused = await room.do.command({ ...source(), command: asked('clean') });
    expect(refused).toMatchObject({
      outcome: 'refused',
      message: 'its files are read by skim (New)',
      refusal: { remedy: 'Wait until what reads them has ended, or cancel that, then ask again.' },
    });
    expect(await said('mumu')).toContain('read by skim');
    await room.complete(ref);
    await room.do.concludeAudit({ ...ref, discrepancies: [] });
    const cleaned = await room.do.command({ ...source(), command: asked('clean') });
    expect(cleaned).toMatchObject({ outcome: 'done', state: 'Cleaning' });
  });

  it('are not replaced by reprocessing before it has ended, unless they are lost', async () => {
    await mumu();
    await room.register(skim());
    const command = asked('reprocess', { jobs: '3' });
    const refused = await room.do.command({ ...source(), command });
    expect(refused.outcome).toBe('refused');
    expect(refused.message).toMatch(
      /1 file that it would replace \(e.g. .*\) is read by skim \(New\)/,
    );
    const [copy] = await room.rows<{ storage: string; path: string }>(
      `select r.storage, r.path from replicas r join files f on f.id = r.file_id where f.kind = 'merged' limit 1`,
    );
    const lost = await room.do.command({
      ...source(),
      command: asked('reprocess', { lost: [copy] }),
    });
    expect(lost.outcome).toBe('done');
  });

  it('that are gone park the jobs that wait for them, with the reason, until they are there again', async () => {
    const files = await mumu();
    const ref = await room.register(
      skim({ scouts: { jobs: 0 }, input: { files, grouping: { maxFiles: 1 } } }),
    );
    await room.step(ref);
    const block = await room.lastBlock(ref);
    await room.do.openBlock({ ...ref, block });
    const gone = `(select id from files where lfn = '${files[0] ?? ''}')`;
    await room.change(`update replicas set state = 'Removing' where file_id = ${gone}`);
    await room.runJobs(ref, block, 'events');
    const states = await room.rows<{ state: string }>(
      `select j.state from jobs j join productions p on p.id = j.production_id where p.name = 'skim' order by j.state`,
    );
    expect(states.map(({ state }) => state)).toEqual(['Done', 'Done', 'Parked']);
    expect(await said('skim')).toBe(
      `no good copy of the input file ${files[0] ?? ''} of mumu is left`,
    );
    const closed = await room.do.closeStage({ ...ref, block, stage: 'events' });
    expect(closed.held).toBe(true);
    await room.change(`update replicas set state = 'Available' where file_id = ${gone}`);
    await room.do.command({ ...ref, command: asked('release') });
    await room.runJobs(ref, block, 'events');
    expect(await room.rows(`select * from jobs where state = 'Parked'`)).toEqual([]);
  });

  it('that are made again hold the jobs that wait for them, which then read the new ones', async () => {
    const files = await mumu();
    const ref = await room.register(
      skim({ scouts: { jobs: 0 }, input: { files, grouping: { maxFiles: 1 } } }),
    );
    await room.step(ref);
    const block = await room.lastBlock(ref);
    await room.do.openBlock({ ...ref, block });
    const lost = await room.rows<{ storage: string; path: string }>(
      `select storage, path from replicas where file_id = (select id from files where lfn = '${files[0] ?? ''}')`,
    );
    const asking = asked('reprocess', { lost });
    expect(await room.do.command({ ...source(), command: asking })).toMatchObject({
      outcome: 'done',
    });
    const { bundles } = await room.place(ref, block);
    for (const order of bundles) await room.settle(order, room.report(order));
    const states = () =>
      room.rows<{ state: string; jobs: number }>(
        `select j.state, count(*) as jobs from jobs j join productions p on p.id = j.production_id
         where p.name = 'skim' group by j.state order by j.state`,
      );
    expect(await states()).toEqual([
      { state: 'Done', jobs: 2 },
      { state: 'Waiting', jobs: 1 },
    ]);
    await room.complete(source());
    const anew = (await lfnsOf('mumu')).filter((lfn) => !files.includes(lfn));
    expect(anew).toHaveLength(1);
    await room.runJobs(ref, block, 'events');
    expect(await states()).toEqual([{ state: 'Done', jobs: 3 }]);
    const parents = await room.rows<{ lfn: string }>(
      `select f.lfn from file_parents r join files f on f.id = r.parent_id
       join files o on o.id = r.file_id join productions p on p.id = o.production_id
       where p.name = 'skim' order by f.lfn`,
    );
    expect(parents.map(({ lfn }) => lfn)).toEqual([...anew, ...files.slice(1)].sort());
  });

  it('that are made again are looked for after half a minute, also when no other job can go', async () => {
    const files = await mumu();
    const ref = await room.register(
      skim({ scouts: { jobs: 0 }, input: { files: files.slice(0, 1) } }),
    );
    await room.step(ref);
    const block = await room.lastBlock(ref);
    await room.do.openBlock({ ...ref, block });
    const lost = await room.rows<{ storage: string; path: string }>(
      `select storage, path from replicas where file_id = (select id from files where lfn = '${files[0] ?? ''}')`,
    );
    await room.do.command({ ...source(), command: asked('reprocess', { lost }) });
    await expect(room.place(ref, block)).rejects.toThrow('what they read is made again');
    const [job] = await room.rows(
      `select j.state, j.not_before from jobs j join productions p on p.id = j.production_id where p.name = 'skim'`,
    );
    expect(job).toEqual({ state: 'Waiting', not_before: room.clock.now() + 30_000 });
    room.clock.pass(29);
    await expect(room.place(ref, block)).rejects.toThrow('every waiting job is in its back-off');
    room.clock.pass(1);
    await expect(room.place(ref, block)).rejects.toThrow('what they read is made again');
  });

  it('are verified when jobs can not read them; their production mends the bad copies', async () => {
    const files = await mumu();
    const ref = await room.register(
      skim({ scouts: { jobs: 0 }, input: { files, grouping: { maxFiles: 1 } } }),
    );
    await room.step(ref);
    const at = { ...ref, block: await room.lastBlock(ref) };
    await room.do.openBlock(at);
    const { bundles } = await room.place(ref, at.block);
    const bad = failing({
      step: 'stage-in',
      exitCode: null,
      reason: 'input-corrupt: input0001.root: bad',
    });
    const [order] = bundles;
    if (order === undefined) throw new Error('nothing was placed');
    const [report] = room.report(order, bad);
    if (report === undefined) throw new Error('no job was placed');
    const settled = await room.settle(order, [report]);
    expect(settled.badInputs).toBe(true);
    const page = await room.do.inputsToVerify({ ...at, after: 0 });
    expect(page.batches).toHaveLength(2);
    const [first] = page.batches;
    const problems = unpack(first?.files ?? NOTHING_PACKED).map(({ path }) => ({
      ...{ path, problem: 'checksum' as const, text: `${path} is bad` },
    }));
    const storage = first?.storage ?? '';
    const { repairs } = await room.do.recordBadInputs({ ...at, storage, problems });
    expect(repairs).toEqual([{ owner: 'mumu', replicas: [{ storage, path: problems[0]?.path }] }]);
    for (const repair of repairs) {
      expect(await room.do.repairInputs({ ...at, ...repair, why: 'bad' })).toEqual({ problem: '' });
    }
    const [owner] = await room.rows<{ state: string }>(
      `select state from productions where name = 'mumu'`,
    );
    expect(owner?.state).toBe('Active');
  });

  it('are never read from copies that nobody can mend', async () => {
    const files = await mumu();
    const ref = await room.register(skim({ scouts: { jobs: 0 }, input: { files } }));
    await room.step(ref);
    await room.change(`update productions set state = 'Cancelled' where name = 'mumu'`);
    const [copy] = await room.rows<{ storage: string; path: string }>(
      `select storage, path from replicas where file_id = (select id from files where lfn = '${files[0] ?? ''}')`,
    );
    if (copy === undefined) throw new Error('no copy');
    const at = { ...ref, block: await room.lastBlock(ref) };
    const answer = await room.do.repairInputs({
      ...at,
      owner: 'mumu',
      replicas: [copy],
      why: 'bad',
    });
    expect(answer.problem).toContain('Cancelled productions can not be reprocessed');
    const rows = await room.rows(
      `select state from replicas where storage = '${copy.storage}' and path = '${copy.path}'`,
    );
    expect(rows).toEqual([{ state: 'Removing' }]);
  });

  it('must be there when it is scouted again, and stay those that were fixed', async () => {
    const files = await mumu();
    const ref = await room.register(skim());
    await room.change(`update productions set state = 'Rejected' where name = 'skim'`);
    await room.change(
      `update replicas set state = 'Removing' where file_id = (select id from files where lfn = '${files[0] ?? ''}')`,
    );
    const refused = await room.do.command({ ...ref, command: asked('rescout') });
    expect(refused.message).toMatch(/1 file that it reads has no good copy/);
    await room.change(`update replicas set state = 'Available' where state = 'Removing'`);
    await room.do.command({ ...ref, command: asked('rescout') });
    const [row] = await room.rows(
      `select state, events, inputs from productions where name = 'skim'`,
    );
    expect(row).toEqual({ state: 'Scouting', events: 60, inputs: 3 });
  });

  it('may be many: orders of a block name some, and the others are asked for', async () => {
    await mumu();
    await room.change(
      `with recursive n (i) as (select 1 union all select i + 1 from n where i < 18000),
         one as (select * from files where kind = 'merged' limit 1)
       insert into files (lfn, production_id, block, job, attempt, kind, level, state, size, adler32, events, metadata, created_at)
       select lfn || '.' || i, production_id, block, job, attempt, kind, level, state, abs(random() % 1000000),
         printf('%08x', abs(random() % 4294967296)), events, metadata, created_at from one, n`,
    );
    await room.change(
      `insert into replicas (file_id, storage, path, state, created_at)
       select f.id, c.storage, f.lfn, 'Available', 0
       from files f, replicas c
       where f.lfn glob '*.[0-9]*' and not exists (select 1 from replicas o where o.file_id = f.id)
         and c.file_id = (select min(id) from files where kind = 'merged')`,
    );
    const ref = await room.register(
      skim({
        scouts: { jobs: 0 },
        input: { dataset: { production: 'mumu' }, grouping: { maxFiles: 100 } },
      }),
    );
    for (const site of room.configuration.sites) {
      await room.change(`update sites set slots = 1000 where name = '${site.name}'`);
    }
    await room.step(ref);
    const block = await room.lastBlock(ref);
    await room.do.openBlock({ ...ref, block });
    const bytes = (orders: readonly BundleOrder[]): number => JSON.stringify(orders).length;
    const placed = await room.place(ref, block);
    for (const order of placed.bundles) {
      const files = unpack(order.inputs).reduce((sum, one) => sum + one.files.length, 0);
      expect(files).toBeLessThanOrEqual(8000);
    }
    expect(bytes(placed.bundles)).toBeGreaterThan(100_000);
    expect(bytes(placed.bundles)).toBeLessThan(1_500_000);
    expect(placed.waiting).toBeGreaterThan(0);
    const rest = await room.place(ref, block);
    const opened = await room.do.openBlock({ ...ref, block });
    expect(bytes(opened.bundles)).toBeLessThan(1_500_000);
    const incomplete = opened.bundles.filter((order) => order.incomplete === true);
    expect(incomplete.length).toBeGreaterThan(0);
    for (const order of incomplete) {
      const whole = await room.do.bundleOrder({ ...ref, block, bundle: order.bundle });
      expect([...placed.bundles, ...rest.bundles]).toContainEqual(whole);
    }
  });
});
