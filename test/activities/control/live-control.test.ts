import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command, CommandKind } from '../../../domain/command.js';
import { pack } from '../../../activities/packed.js';
import { bareReport, jobsOf } from '../../../domain/bundle.js';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

const tell = (kind: CommandKind, more: Partial<Command> = {}) =>
  room.do.command({ ...ref, command: { kind, who: 'me', why: '', ...more } });
const extend = (select: unknown) => tell('extend', { select });
const amend = (set: Record<string, unknown>) => tell('amend', { select: { set } });
const lastEvent = () => room.rows(`select who, what, why from events order by id desc limit 1`);
const force = (state: string) => room.change(`update productions set state = '${state}'`);

async function begin(more: Parameters<typeof definition>[0] = {}): Promise<void> {
  ref = await room.register(definition({ scouts: { jobs: 0 }, ...more }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
}

describe('extend', () => {
  it('asks for more events as a new revision, for which blocks are planned', async () => {
    await begin();
    expect(await extend({ events: 40 })).toMatchObject({
      outcome: 'done',
      message: 'events 60 -> 100',
      state: 'Active',
    });
    expect(await room.rows('select events, revision from productions')).toEqual([
      { events: 100, revision: 2 },
    ]);
    expect(await lastEvent()).toEqual([{ who: 'me', what: 'events 60 -> 100', why: '' }]);
    await room.complete(ref);
    expect(await room.rows(`select sum(events) as made from jobs where kind <> 'merge'`)).toEqual([
      { made: 100 },
    ]);
  });

  it('has a completed production go on', async () => {
    await begin();
    await room.complete(ref);
    await force('Completed');
    expect(await extend({ total: 80 })).toMatchObject({ outcome: 'done', state: 'Active' });
    await room.complete(ref);
    expect(await room.rows('select events, state from productions')).toMatchObject([
      { events: 80 },
    ]);
  });

  it.each([
    [{ total: 60 }, 'already', '60 events are asked for already'],
    [{ total: 59 }, 'refused', '60 events are asked for already'],
    [{ events: -1 }, 'refused', 'not -1'],
    [{ events: 0 }, 'refused', 'not 0'],
    [{ events: 1, total: 2 }, 'refused', 'either events'],
    [undefined, 'refused', 'either events'],
    [{ events: 999_999_999_999 }, 'refused', 'at most 10000000 jobs'],
  ])('answers %j with %s', async (select, outcome, words) => {
    await begin();
    const before = await room.rows('select events, revision, state from productions');
    const answer = await extend(select);
    expect(answer).toMatchObject({ outcome });
    expect(answer.message).toContain(words);
    expect(await room.rows('select events, revision, state from productions')).toEqual(before);
  });

  it.each([
    [{ events: 10 }, 10],
    [{ total: 50_000 }, 50_000],
  ])(
    'of one that was finished early by %j counts from what was planned',
    async (select, wanted) => {
      await begin({ events: 100_000 });
      const { bundles } = await room.place(ref, 0);
      await tell('finish');
      for (const order of bundles) await room.settle(order, room.report(order));
      await room.complete(ref);
      expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
      const [{ planned }] = (await room.rows(`select sum(events) as planned from blocks`)) as [
        { planned: number },
      ];
      expect(planned).toBeLessThan(50_000);
      const total = 'total' in select ? wanted : planned + wanted;
      const early = '(100000 were asked for before it was finished early)';
      expect(await extend({ total: planned })).toMatchObject({ outcome: 'already' });
      const fewer = await extend({ total: planned - 1 });
      expect(fewer).toMatchObject({ outcome: 'refused' });
      expect(fewer.message).toContain(`asked for already ${early}`);
      expect(await room.rows('select finish, events, reason from productions')).toEqual([
        {
          finish: 'closed',
          events: 100_000,
          reason: expect.stringContaining('of 100000 events are made') as string,
        },
      ]);
      const message = `events ${planned} -> ${total} ${early}`;
      expect(await extend(select)).toMatchObject({ outcome: 'done', message, state: 'Active' });
      expect(await lastEvent()).toMatchObject([{ what: 'Completed -> Active' }]);
      expect(await room.rows('select finish, events from productions')).toEqual([
        { finish: null, events: total },
      ]);
      if ('total' in select) return;
      await room.complete(ref);
      expect(await room.rows(`select sum(events) as planned from blocks`)).toEqual([
        { planned: total },
      ]);
      expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
    },
  );

  it('sizes further blocks by all that is asked for', async () => {
    await begin({ events: 10_000 });
    const blockJobs = async (): Promise<unknown> =>
      (
        await room.rows<{ jobs: number }>(
          `select estimate ->> 'blockJobs' as jobs from productions`,
        )
      )[0]?.jobs;
    expect(await blockJobs()).toBe(200);
    await extend({ total: 10_000_000 });
    expect(await blockJobs()).toBe(20_000);
    expect(await lastEvent()).toMatchObject([{ what: 'events 10000 -> 10000000' }]);
  });

  it('the same command twice, by its id, is one', async () => {
    await begin();
    const twice = { select: { events: 40 }, id: 'a1' };
    expect(await tell('extend', twice)).toMatchObject({ outcome: 'done' });
    expect(await tell('extend', twice)).toMatchObject({
      outcome: 'already',
      message: 'events 60 -> 100',
    });
    expect(await room.rows('select events from productions')).toEqual([{ events: 100 }]);
  });
});

describe('a command whose answer was not heard', () => {
  it.each([
    ['pause', {}, { withdrawFrom: 'everywhere', reopened: [] }],
    ['finish', {}, { withdrawFrom: 'everywhere', reopened: [] }],
    ['amend', { select: { set: { sites: ['KMI'] } } }, { reopened: [] }],
    ['reprocess', { select: { jobs: '1' } }, { withdrawFrom: [], reopened: [0] }],
  ] as const)('leads to the same when it comes again: %s', async (kind, more, expected) => {
    await begin();
    if (kind === 'reprocess') await room.runJobs(ref, 0, 'events');
    const first = await tell(kind, { ...more, id: 'a1' });
    expect(first).toMatchObject({ outcome: 'done', ...expected });
    expect(first.withdrawFrom.length + first.reopened.length).toBeGreaterThan(0);
    expect(await tell(kind, { ...more, id: 'a1' })).toEqual({ ...first, outcome: 'already' });
  });

  it('leads to nothing where it was remembered without what it leads to', async () => {
    await begin();
    await tell('pause', { id: 'a1' });
    await room.change(
      `update answers set answer = json_remove(answer, '$.reopened', '$.withdrawFrom')`,
    );
    expect(await tell('pause', { id: 'a1' })).toMatchObject({ reopened: [], withdrawFrom: [] });
  });
});

describe('finish', () => {
  it('gives up what waits, and completes with what there is', async () => {
    await begin({ events: 100 });
    const { bundles } = await room.place(ref, 0);
    const answer = await tell('finish', { why: 'enough' });
    expect(answer).toMatchObject({ outcome: 'done', withdrawFrom: 'everywhere' });
    expect(answer.message).toContain('so are jobs at sites that have not started');
    expect(await tell('finish')).toMatchObject({ outcome: 'already' });
    const failsOnce: Outcome = (job, order) =>
      job.job === 2 ? failing()(job, order) : good(job, order);
    for (const order of bundles) await room.settle(order, room.report(order, failsOnce));
    await expect(room.place(ref, 0)).resolves.toEqual({ bundles: [], waiting: 0 });
    await room.complete(ref);
    const conclusion = await room.do.concludeAudit({ ...ref, discrepancies: [] });
    expect(conclusion).toMatchObject({ passed: true });
    expect(conclusion.reason).toContain('finished early by a person');
    expect(await room.rows(`select distinct state from jobs where number = 2`)).toEqual([
      { state: 'Waived' },
    ]);
  });
});

describe('amend', () => {
  it('changes fields as a new revision, and tells each', async () => {
    await begin();
    const answer = await amend({ tolerance: 0.5, 'fabrication.limits.memory': '3GB' });
    expect(answer).toMatchObject({ outcome: 'done' });
    expect(answer.message).toContain('tolerance: 0 -> 0.5');
    expect(answer.message).toContain('fabrication.limits.memory');
    expect(await room.rows('select max(revision) as revision from revisions')).toEqual([
      { revision: 2 },
    ]);
    expect(await amend({ tolerance: 0.5 })).toMatchObject({ outcome: 'already' });
  });

  it.each([
    [{ priority: 5 }, 'priority 9 -> 5', 1],
    [{ priority: null }, 'priority 9 -> 5', 1],
    [
      { priority: 5, tolerance: 0.5 },
      'amended, revision 2: priority: 9 -> 5; tolerance: 0 -> 0.5',
      2,
    ],
  ])(
    'of %j gives back the priority of the definition, whatever it has been changed to since',
    async (set, message, revision) => {
      await begin({ priority: 5 });
      await tell('reprioritize', { value: 9 });
      expect(await amend(set)).toMatchObject({ outcome: 'done', message, priority: 5 });
      expect(await room.rows('select priority, revision from productions')).toEqual([
        { priority: 5, revision },
      ]);
      expect(await amend(set)).toMatchObject({ outcome: 'already', priority: 5 });
    },
  );

  it('of something else leaves a priority that has been changed since', async () => {
    await begin({ priority: 5 });
    await tell('reprioritize', { value: 9 });
    expect(await amend({ tolerance: 0.5 })).toMatchObject({ outcome: 'done', priority: 9 });
    const whole = definition({ scouts: { jobs: 0 }, priority: 5, tolerance: 0.25 });
    const answer = await tell('amend', { select: { definition: whole } });
    expect(answer).toMatchObject({ outcome: 'done', priority: 9 });
  });

  it('by a whole definition compares with the priority that the production has now', async () => {
    await begin({ priority: 5 });
    await tell('reprioritize', { value: 7 });
    const whole = (more: Parameters<typeof definition>[0]): ReturnType<typeof tell> =>
      tell('amend', { select: { definition: definition({ scouts: { jobs: 0 }, ...more }) } });
    expect(await whole({ priority: 7 })).toMatchObject({ outcome: 'already', priority: 7 });
    expect(await whole({ priority: 7, tolerance: 0.5 })).toMatchObject({
      ...{ outcome: 'done', priority: 7 },
      message: 'amended, revision 2: tolerance: 0 -> 0.5',
    });
    expect(await whole({ priority: 8, tolerance: 0.5 })).toMatchObject({
      ...{ outcome: 'done', priority: 8 },
      message: 'amended, revision 3: priority: 7 -> 8',
    });
  });

  it('of limits sizes jobs and merges by what the scouts have measured, also when that is merged and removed', async () => {
    ref = await room.register(definition({ events: 600 }));
    await room.scout(ref);
    await room.complete(ref);
    await force('Active');
    const [before] = await room.rows<{ estimate: string }>('select estimate from productions');
    expect(await amend({ 'fabrication.limits.memory': '3GB' })).toMatchObject({ outcome: 'done' });
    const [after] = await room.rows<{ estimate: string }>('select estimate from productions');
    const sizes = (row?: { estimate: string }): unknown => {
      const { blockJobs, bytesPerEvent, jobsPerMerge } = JSON.parse(
        row?.estimate ?? '{}',
      ) as Record<string, unknown>;
      expect(bytesPerEvent).toBeGreaterThan(0);
      return { blockJobs, bytesPerEvent, jobsPerMerge };
    };
    expect(sizes(after)).toEqual(sizes(before));
  });

  it('lowers no limit below what the scouts have measured, and none beyond its bounds', async () => {
    ref = await room.register(definition());
    await room.scout(ref);
    const set = { 'fabrication.limits.memory': '1 B' };
    const answer = await amend(set);
    expect(answer).toMatchObject({
      outcome: 'refused',
      refusal: {
        code: 'FABRICA_COMMAND_INVALID',
        remedy: expect.stringContaining('Give at least what was measured') as string,
      },
    });
    expect(answer.message).toContain(
      'fabrication.limits.memory: a job would have 1 B, and by what the scouts have measured one of 10 events needs 300 MB',
    );
    const beyond = await amend({ 'fabrication.limits.memory': '900 TB' });
    expect(beyond).toMatchObject({ refusal: { code: 'FABRICA_COMMAND_INVALID' } });
    expect(beyond.message).toContain('from 1 B to 10 TB');
    expect(await room.rows('select revision from productions')).toEqual([{ revision: 1 }]);
    const enough = { 'fabrication.limits.memory': '300 MB' };
    expect(await amend(enough)).toMatchObject({ outcome: 'done' });
  });

  it.each([
    [{ tolerance: 2 }, 'FABRICA_COMMAND_INVALID'],
    [{ tolerence: 0.1 }, 'FABRICA_COMMAND_INVALID'],
    [{ sites: ['CERN'] }, 'FABRICA_COMMAND_INVALID'],
    [{ name: 'other' }, 'FABRICA_COMMAND_INVALID'],
    [{ events: 7 }, 'FABRICA_COMMAND_INVALID'],
    [{ 'fabrication.command': ['other'] }, 'FABRICA_COMMAND_INVALID'],
    [{ 'scouts.minimumSuccess': 0.25 }, 'FABRICA_COMMAND_REFUSED'],
  ])('to %j is refused with %s', async (set, code) => {
    await begin();
    expect(await amend(set)).toMatchObject({ outcome: 'refused', refusal: { code } });
    expect(await lastEvent()).toMatchObject([{ who: 'me', what: 'amend refused' }]);
    expect(await room.rows('select revision from productions')).toEqual([{ revision: 1 }]);
  });

  it('tells of an empty list of sites that it stands for all', async () => {
    await begin();
    expect(await amend({ sites: [] })).toMatchObject({
      outcome: 'already',
      message: 'its definition is so already: an empty list of sites stands for all of them',
    });
    expect((await amend({ tolerance: 0 })).message).toBe('its definition is so already');
  });

  it('tells which sites no job starts at any more', async () => {
    await begin();
    const sites = await room.rows<{ name: string }>('select name from sites order by name');
    const [kept, ...others] = sites.map(({ name }) => name);
    expect(await amend({ sites: [kept] })).toMatchObject({ withdrawFrom: others });
  });

  it.each([
    [{ tolerance: 7 }, 'tolerance'],
    [{ sites: ['NOWHERE'] }, 'NOWHERE'],
    [{ name: 'other' }, 'it is the name of the production'],
    [{ events: 5 }, '`fabrica extend`'],
    [{ nonsense: 5 }, 'nonsense'],
    [{ 'fabrication.limits.': 5 }, 'is no field'],
    [{ __proto__x: 1, 'constructor.prototype': 1 }, 'is no field'],
    [{}, 'set is empty'],
  ])('refuses %j with the reason, and changes nothing', async (set, words) => {
    await begin();
    const answer = await amend(set);
    expect(answer).toMatchObject({ outcome: 'refused' });
    expect(answer.message).toContain(words);
    expect(await room.rows('select count(*) as n from revisions')).toEqual([{ n: 1 }]);
  });
});

describe('comment', () => {
  it('is in the event log, once', async () => {
    await begin();
    expect(await tell('comment', { value: 'wait for the new tag' })).toMatchObject({
      outcome: 'done',
    });
    expect(await lastEvent()).toEqual([
      { who: 'me', what: 'comment', why: 'wait for the new tag' },
    ]);
    expect(await tell('comment', { value: 'wait for the new tag' })).toMatchObject({
      outcome: 'already',
    });
    for (const value of ['', ' ', 7, null, 'x'.repeat(2001)]) {
      expect(await tell('comment', { value })).toMatchObject({ outcome: 'refused' });
    }
  });
});

describe('jobs that were withdrawn before they started', () => {
  it('wait again as they were, and count for nothing', async () => {
    await begin();
    const { bundles } = await room.place(ref, 0);
    for (const order of bundles) {
      const reports = [...jobsOf(order.ranges)].map((key) => ({
        ...bareReport(key),
        state: 'withdrawn' as const,
      }));
      await room.do.settle({ ...order, reports: pack(reports) });
    }
    expect(
      await room.rows('select distinct state, charged, uncharged, not_before, avoid from jobs'),
    ).toEqual([{ state: 'Waiting', charged: 0, uncharged: 0, not_before: 0, avoid: '[]' }]);
    expect(await room.rows('select distinct state, class from attempts')).toEqual([
      { state: 'Cancelled', class: null },
    ]);
    expect(await room.rows('select * from tallies')).toEqual([]);
    expect(await room.rows('select * from remnants')).toEqual([]);
    await room.complete(ref);
  });
});

describe('a production that no site takes jobs of', () => {
  const ban = (state: string) =>
    room.change(
      `update sites set override = ${state === '' ? 'null' : `'${state}'`}, override_reason = 'power cut'`,
    );

  it('is held with the reason, and goes on by itself when one does', async () => {
    await begin();
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes its jobs: ');
    expect(await room.rows('select state, reason, held_for from productions')).toEqual([
      {
        state: 'Held',
        reason: expect.stringMatching(
          /^no site takes its jobs: \S+ \(Banned: power cut\)/,
        ) as string,
        held_for: 'sites',
      },
    ]);
    expect((await room.step(ref, [0])).step).toEqual({ do: 'wait', until: null });
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes its jobs: ');
    await ban('');
    const { bundles } = await room.place(ref, 0);
    expect(bundles.length).toBeGreaterThan(0);
    expect(await room.rows('select state, held_for from productions')).toEqual([
      { state: 'Active', held_for: null },
    ]);
    expect(await lastEvent()).toEqual([
      { who: 'fabrica', what: 'Held -> Active', why: 'a site takes its jobs again' },
    ]);
  });

  it('has its blocks started when their workflows are lost, so that it goes on by itself all the same', async () => {
    await begin();
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    expect(await room.step(ref)).toMatchObject({
      step: { do: 'run', blocks: [0] },
      state: 'Held',
    });
    expect((await room.step(ref, [0])).step).toEqual({ do: 'wait', until: null });
    expect(await room.do.openBlock({ ...ref, block: 0 })).toMatchObject({ scouting: false });
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    await ban('');
    expect((await room.place(ref, 0)).bundles.length).toBeGreaterThan(0);
    expect((await room.step(ref, [0])).state).toBe('Active');
  });

  it('starts no block that waits for a person', async () => {
    await begin();
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    await room.do.blockFailed({ ...ref, block: 0, reason: 'a bug' });
    expect((await room.step(ref)).step).toEqual({ do: 'wait', until: null });
  });

  it('scouts on when its workflows are lost before the verdict', async () => {
    ref = await room.register(definition());
    expect((await room.step(ref)).step).toEqual({ do: 'run', blocks: [0] });
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    expect(await room.step(ref)).toMatchObject({
      step: { do: 'run', blocks: [0] },
      state: 'Held',
    });
    expect(await room.do.openBlock({ ...ref, block: 0 })).toMatchObject({ scouting: true });
    await ban('');
    await room.runJobs(ref, 0, 'events');
    expect(await room.step(ref)).toMatchObject({ state: 'Active' });
  });

  it('leaves out the sites that it left out before, until a person releases it', async () => {
    await begin({ events: 2000 });
    const until = room.clock.now() + 3_600_000;
    await room.change(
      `insert into exclusions (production_id, site, why, since, until) values (1, 'KMI', 'all fails', ${room.clock.now()}, ${until})`,
    );
    await ban('Banned');
    room.clock.pass(60);
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes its jobs: ');
    await ban('');
    room.clock.pass(60);
    const { bundles } = await room.place(ref, 0);
    expect(bundles.map(({ site }) => site)).not.toContain('KMI');
    const closed = async (): Promise<string[]> =>
      (await room.do.explainPlacement(ref)).sites.flatMap(({ obstruction, site }) =>
        obstruction === null ? [] : [site],
      );
    expect(await closed()).toContain('KMI');
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes its jobs: ');
    await tell('release');
    await ban('');
    expect(await closed()).not.toContain('KMI');
  });

  it.each(['resume', 'release', 'waive'] as const)(
    'takes no %s, and tells the bans and what opens a site',
    async (kind) => {
      await begin({ sites: ['KMI'] });
      await ban('Banned');
      await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
      const why = 'it is held: no site takes its jobs: KMI (Banned: power cut)';
      const remedy =
        "It goes on by itself when a site takes its jobs: `fabrica site unban KMI` lets its jobs go to a site that is banned; `fabrica amend mumu --set 'sites=[...]'` gives it others.";
      expect(await tell(kind)).toMatchObject({
        outcome: 'refused',
        state: 'Held',
        message: why,
        refusal: { code: 'FABRICA_COMMAND_REFUSED', remedy },
      });
      expect(await lastEvent()).toEqual([
        { who: 'me', what: `${kind} refused`, why: `${why}. ${remedy}` },
      ]);
      expect(await room.rows('select state, held_for from productions')).toEqual([
        { state: 'Held', held_for: 'sites' },
      ]);
    },
  );

  it('stays held when parked jobs of it are released, and tells why', async () => {
    await begin();
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    await room.change(`update jobs set state = 'Parked' where number = 1`);
    await room.change(`update blocks set counts = json_set(counts, '$.jobs.Parked', 1)`);
    const answer = await tell('release');
    expect(answer).toMatchObject({ outcome: 'done', state: 'Held' });
    expect(answer.message).toMatch(
      /^1 job released; it is held: no site takes its jobs: .*\(Banned: power cut\)/,
    );
    await ban('');
    expect((await room.place(ref, 0)).bundles.length).toBeGreaterThan(0);
  });

  it('is told by an amendment that it goes on by itself', async () => {
    await begin();
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    const answer = await amend({ tolerance: 0.5 });
    expect(answer).toMatchObject({ outcome: 'done', state: 'Held' });
    expect(answer.message).toContain('; it goes on by itself when a site takes its jobs');
  });

  it('can be paused meanwhile, and does not go on before it is resumed', async () => {
    await begin();
    await ban('Banned');
    await expect(room.place(ref, 0)).rejects.toThrow('no site takes');
    expect(await tell('pause')).toMatchObject({ outcome: 'done', state: 'Stopped' });
    await ban('');
    await expect(room.place(ref, 0)).rejects.toThrow('Stopped');
    expect(await tell('resume')).toMatchObject({ outcome: 'done', state: 'Active' });
    expect((await room.place(ref, 0)).bundles.length).toBeGreaterThan(0);
  });
});
