import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Explanation } from '../../../domain/explanation.js';
import { codeOf, ControlRoom, definition, failing, type Ref } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

const explain = (ref: Ref): Promise<Explanation> =>
  room.do.explainPlacement({ production: ref.production });

/** A production without scouts, and its first block. */
async function running(more: Parameters<typeof definition>[0] = {}) {
  const ref = await room.register(definition({ events: 1000, ...more, scouts: { jobs: 0 } }));
  const { step } = await room.step(ref);
  const block = step.do === 'run' ? (step.blocks[0] ?? 0) : 0;
  await room.do.openBlock({ ...ref, block });
  return { ref, block };
}

const ask = (ref: Ref, kind: 'pause' | 'cancel') =>
  room.do.command({ ...ref, command: { kind, who: 'ann@host', why: 'lunch' } });

const ban = (site: string) =>
  room.do.setSiteOverride({
    ...{ site, state: 'Banned', who: 'ann@host', why: 'CVMFS is broken' },
    until: room.clock.now() + 3_600_000,
  });

describe('the explanation of a production', () => {
  it('tells what the next placement does, and then does nothing of it', async () => {
    const { ref, block } = await running();
    const before = await room.dump();
    const told = await explain(ref);
    expect(await room.dump()).toEqual(before);
    const { bundles } = await room.place(ref, block);
    const sent = bundles.map((order) => `${room.report(order).length} to ${order.site}`);
    expect(told.because[0]).toBe(
      `With the next look go ${told.counts.waiting === 100 ? '' : '?'}${bundles.flatMap((order) => room.report(order)).length} jobs: ${sent.join(', ')}.`,
    );
    expect(told).toMatchObject({ state: 'Active', counts: { waiting: 100, inBackoff: 0 } });
  });

  it('tells that its sites are full, once they are', async () => {
    const { ref, block } = await running();
    await room.place(ref, block);
    await expect(room.place(ref, block)).rejects.toThrow('no site or no storage has room');
    const told = await explain(ref);
    expect(told.because[0]).toMatch(
      /^Of 3 sites that it may use none takes more of it now: 3 full/,
    );
    expect(told.sites.every(({ mine, why }) => mine > 0 && why.startsWith('full: '))).toBe(true);
    expect(told.counts.atSites).toBe(told.sites.reduce((sum, { mine }) => sum + mine, 0));
  });

  it('tells whose ban it is, until when, and which sites are not in the definition', async () => {
    const { ref } = await running({ sites: ['KMI', 'PNNL'] });
    await ban('KMI');
    const { because, sites } = await explain(ref);
    const of = (name: string) => sites.find(({ site }) => site === name);
    const why = `Banned by ann@host until ${new Date(room.clock.now() + 3_600_000).toISOString().slice(0, 16)}Z: CVMFS is broken`;
    expect(of('KMI')).toMatchObject({ state: 'Banned', obstruction: 'banned', why, room: 0 });
    expect(of('UVic')).toMatchObject({ obstruction: 'unlisted', why: 'not in the definition' });
    expect(of('PNNL')).toMatchObject({ obstruction: null, why: '' });
    expect(because).toContain(`Banned: KMI (${why}).`);
  });

  it.each(['Active', 'Held'])(
    'lists no ban of sites that its definition leaves out: %s',
    async (state) => {
      const { ref } = await running({ sites: ['PNNL'] });
      await ban('KMI');
      await ban('PNNL');
      if (state === 'Held') {
        await room.change(`update productions set state = 'Held', held_for = 'sites'`);
      }
      const { because, sites } = await explain(ref);
      const banned = because.find((sentence) => sentence.startsWith('Banned: '));
      expect(banned).toMatch(/^Banned: PNNL \(Banned by ann@host/);
      expect(because.join()).not.toContain('KMI');
      const of = (name: string) => sites.find(({ site }) => site === name);
      expect(of('KMI')).toMatchObject({ obstruction: 'unlisted', why: 'not in the definition' });
      expect(of('PNNL')).toMatchObject({ obstruction: 'banned' });
    },
  );

  it('tells its own limits and its back-off', async () => {
    const { ref, block } = await running({ throttle: { maxRunningJobs: 3 } });
    const { bundles } = await room.place(ref, block);
    const limited = await explain(ref);
    expect(limited.because[0]).toContain('throttle.maxRunningJobs: 3 jobs');
    expect(limited.because.join()).not.toContain('share is used');
    const free = limited.sites.filter(({ obstruction }) => obstruction !== 'full');
    expect(free.map(({ obstruction, why }) => [obstruction, why])).toEqual([
      ['limit', 'throttle.maxRunningJobs: 3 jobs are at sites'],
      ['limit', 'throttle.maxRunningJobs: 3 jobs are at sites'],
    ]);
    const [order] = bundles;
    if (order === undefined) throw new Error('nothing was placed');
    await room.settle(order, room.report(order, failing()));
    const told = await explain(ref);
    expect(told.counts.inBackoff).toBe(room.report(order).length);
    expect(told.because.join()).toMatch(/in the back-off after a failure; the first may go in 1m/);
  });

  it('tells that failed jobs wait for company, and nothing else of sites that have room', async () => {
    const { ref, block } = await running();
    const { bundles } = await room.place(ref, block);
    const [order] = bundles;
    if (order === undefined) throw new Error('nothing was placed');
    await room.settle(order, room.report(order, failing()));
    // One failed job is left, whose back-off is over.
    await room.change(
      `update jobs set state = 'Submitted' where state = 'Waiting' and number not in
       (select job from attempts where state = 'Failed' order by job limit 1)`,
    );
    await room.change(`update jobs set not_before = ${room.clock.now()} where state = 'Waiting'`);
    const { because } = await explain(ref);
    expect(because.join()).toContain('Jobs that have failed wait for others to go with');
    expect(because.join()).not.toContain('avoid them');
  });

  it('tells that input files are being made again, before and after the next look', async () => {
    const made = await room.register(definition());
    await room.complete(made);
    await room.change(`update productions set state = 'Completed' where name = 'mumu'`);
    const { events, ...skim } = definition({
      ...{ name: 'skim', merge: null, scouts: { jobs: 0 } },
      input: { dataset: { production: 'mumu' }, grouping: { maxFiles: 1 } },
      fabrication: { command: ['./skim', '{output}', '{inputs}'], eventsPerJob: 'auto' },
    });
    expect(events).toBe(60);
    const ref = await room.register(skim);
    await room.step(ref);
    const block = await room.lastBlock(ref);
    await room.do.openBlock({ ...ref, block });
    const lost = await room.rows(
      `select storage, path from replicas where file_id in (select file_id from production_inputs)`,
    );
    const command = { kind: 'reprocess', who: 'ann', why: '', select: { lost } } as const;
    expect(await room.do.command({ ...made, command })).toMatchObject({ outcome: 'done' });
    const remade = /^3 of the jobs that are next wait for input files that are being made again\./;
    for (const look of ['before', 'after']) {
      const { because } = await explain(ref);
      expect(because[0], look).toMatch(remade);
      expect(because.join(), look).not.toMatch(/next look|back-off|avoid/);
      await room.place(ref, block).catch(codeOf);
    }
  });

  it('tells with whom it shares the grid', async () => {
    const { ref, block } = await running();
    const other = await running({ name: 'ee', priority: 9 });
    await room.place(ref, block);
    const { because, share, sites } = await explain(ref);
    expect(share).toMatchObject({
      productions: 2,
      others: [{ production: 'ee', priority: 9 }],
    });
    expect(because.at(-1)).toMatch(/^It shares the grid with ee: its part is \d+ jobs?, it has/);
    expect(sites.every(({ part }) => part !== null)).toBe(true);
    expect((await explain(other.ref)).share?.part).toBeGreaterThan(share?.part ?? 0);
  });

  it('tells of the share of the jobs that wait behind the merge of the scouts', async () => {
    await running({ name: 'ee' });
    const ref = await room.register(definition({ events: 1000 }));
    const { step } = await room.scout(ref);
    const [scouts = -1] = step.do === 'run' ? step.blocks : [];
    await room.do.openBlock({ ...ref, block: scouts });
    await room.do.closeStage({ ...ref, block: scouts, stage: 'events' });
    await room.do.planMergeJobs({ ...ref, block: scouts });
    const { because, counts, share, sites } = await explain(ref);
    expect(counts).toMatchObject({ waiting: 99, merges: 1, unplannedEvents: 0 });
    expect(because[0]).toBe(
      '1 merge comes next, beside the shares; 98 jobs that make events wait besides.',
    );
    expect(because.at(-1)).toMatch(/^It shares the grid with ee: its part is [\d,]+ jobs/);
    expect(share).toMatchObject({ productions: 2, others: [{ production: 'ee' }] });
    expect(sites.every(({ part }) => (part ?? 0) > 0)).toBe(true);
    await room.change(`update productions set events = 5000 where name = 'mumu'`);
    expect((await explain(ref)).counts.unplannedEvents).toBe(4000);
    await ask(ref, 'cancel');
    expect((await explain(ref)).counts.unplannedEvents).toBe(0);
  });

  it.each(['pause', 'cancel'] as const)(
    'tells no room anywhere after a %s, only where its jobs still are',
    async (kind) => {
      const { ref, block } = await running();
      expect((await explain(ref)).sites.every(({ room }) => room !== null)).toBe(true);
      await room.place(ref, block);
      const before = await explain(ref);
      await ask(ref, kind);
      const { because, sites } = await explain(ref);
      expect(sites.map(({ mine, site }) => [site, mine])).toEqual(
        before.sites.filter(({ mine }) => mine > 0).map(({ mine, site }) => [site, mine]),
      );
      expect(sites.length).toBeGreaterThan(0);
      for (const site of sites)
        expect(site).toMatchObject({ room: null, obstruction: null, why: '' });
      if (kind === 'pause') {
        expect(because[1]).toMatch(/^\d+ jobs that run or wait at sites go on \(\d+ at /);
      }
    },
  );

  it('tells no sites once it has ended, and what they are passed over for while it waits for one', async () => {
    const { ref } = await running();
    await room.change(`update productions set state = 'Held', held_for = 'sites'`);
    await ban('KMI');
    const { sites } = await explain(ref);
    expect(sites.map(({ obstruction, room }) => [obstruction, room])).toContainEqual([
      'banned',
      null,
    ]);
    expect(sites).toHaveLength(3);
    await room.change(`update productions set state = 'Completed', held_for = null`);
    expect((await explain(ref)).sites).toEqual([]);
  });

  it('tells who has paused it; and works to its end and for the unknown', async () => {
    const { ref } = await running();
    await ask(ref, 'pause');
    const paused = await explain(ref);
    expect(paused.because[0]).toBe(
      'It is paused by ann@host: lunch. `fabrica resume mumu` goes on.',
    );
    expect(paused.share).toBeNull();
    await ask(ref, 'cancel');
    expect((await explain(ref)).state).toBe('Cancelling');
    const done = await room.register(definition({ name: 'done' }));
    expect((await explain(done)).because).toHaveLength(1);
    await room.complete(done);
    await room.change(`update productions set state = 'Completed' where name = 'done'`);
    expect((await explain(done)).because[0]).toMatch(/^It has ended, it is Completed/);
    const unknown = await explain({ ...ref, production: 'nobody' }).catch(codeOf);
    expect(unknown).toBe('FABRICA_PRODUCTION_UNKNOWN');
  });
});
