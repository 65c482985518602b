import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DefinitionInput } from '../../../domain/definition.js';
import { ControlRoom, definition, failing, good, type Outcome, type Ref } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

/** A production without scouts whose first block is open. */
async function begin(more: Partial<DefinitionInput> = {}): Promise<Ref> {
  const ref = await room.register(
    definition({ scouts: { jobs: 0 }, merge: null, ...(more as object) }),
  );
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
  return ref;
}

const stateOf = async (ref: Ref) =>
  (
    await room.rows<{ state: string; reason: string }>(
      `select state, reason from productions where name = '${ref.production}'`,
    )
  )[0];

describe('a job that is too big', () => {
  const wall = failing({ step: 'wall-limit', exitCode: 143, reason: 'ended at the limit' });

  it('gets the full limits, then divides its events among new jobs, none lost or repeated', async () => {
    const ref = await begin({ events: 20 });
    const tooBig: Outcome = (job, order) =>
      job.events > 4 && job.firstEvent === 1 ? wall(job, order) : good(job, order);
    await room.runJobs(ref, 0, 'events', tooBig);
    expect(
      await room.rows(
        `select number, state, seed, first_event, events, file_index, attempt, raised, split_from
         from jobs order by number`,
      ),
    ).toEqual([
      ...[
        { number: 1, state: 'Split', seed: 1, first_event: 1, events: 10, file_index: 1 },
        { number: 2, state: 'Done', seed: 2, first_event: 11, events: 10, file_index: 2 },
        { number: 3, state: 'Split', seed: 3, first_event: 1, events: 5, file_index: 3 },
        { number: 4, state: 'Done', seed: 4, first_event: 6, events: 5, file_index: 4 },
        { number: 5, state: 'Done', seed: 5, first_event: 1, events: 2, file_index: 5 },
        { number: 6, state: 'Done', seed: 6, first_event: 3, events: 3, file_index: 6 },
      ].map((row, i) => ({
        ...row,
        attempt: [2, 1, 1, 1, 1, 1][i],
        raised: i === 1 ? 0 : 1,
        split_from: [null, null, 1, 1, 3, 3][i],
      })),
    ]);
    expect(await room.rows(`select why from events where what = 'job 1 split'`)).toEqual([
      { why: 'wall-time with the full limits; jobs 3 and 4 take its events' },
    ]);
    const closed = await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
    expect(closed.held).toBe(false);
  });

  it('is parked when one event is too much, or the definition wants no division', async () => {
    const ref = await begin({ events: 1 });
    await room.runJobs(ref, 0, 'events', wall);
    expect(await room.rows('select state from jobs')).toEqual([{ state: 'Parked' }]);

    const whole = await begin({
      name: 'whole',
      events: 10,
      retries: { backoff: 60, split: false },
    });
    await room.runJobs(whole, 0, 'events', wall);
    expect(await room.rows('select state from jobs where production_id = 2')).toEqual([
      { state: 'Parked' },
    ]);
  });

  it('is not divided while it scouts: the verdict is about the definition', async () => {
    const ref = await room.register(definition());
    const answer = await room.scout(ref, wall);
    expect(answer.state).toBe('Rejected');
    expect(await room.rows(`select count(*) as n from jobs where state = 'Split'`)).toEqual([
      { n: 0 },
    ]);
  });
});

describe('evidence across sites', () => {
  it('moves the blame from the payload to the site where the job failed, once it passes elsewhere', async () => {
    const ref = await begin();
    const first: Outcome = (job, order) =>
      job.attempt === 1 && job.job === 1 ? failing()(job, order) : good(job, order);
    await room.runJobs(ref, 0, 'events', first);
    const [attempt] = await room.rows<{ site: string; evidence: string }>(
      `select site, class, blame, rule, evidence from attempts where job = 1 and attempt = 1`,
    );
    const [passed] = await room.rows<{ site: string }>(
      'select site from attempts where job = 1 and attempt = 2',
    );
    expect(attempt).toMatchObject({ class: 'payload-error', blame: 'site' });
    expect(JSON.parse(attempt?.evidence ?? '')).toEqual({
      because: `the job has passed at ${passed?.site}`,
    });
  });

  it('blames a site where everything fails what passes elsewhere, and charges no job for it', async () => {
    const ref = await begin({ events: 300 });
    const [{ name: bad } = { name: '' }] = await room.rows<{ name: string }>(
      'select name from sites order by name limit 1',
    );
    const badSite: Outcome = (job, order) =>
      order.site === bad ? failing()(job, order) : good(job, order);
    await room.runJobs(ref, 0, 'events', badSite);
    expect(await room.rows('select distinct state from jobs')).toEqual([{ state: 'Done' }]);
    expect(
      await room.rows(`select distinct site, blame from attempts where class is not null`),
    ).toEqual([{ site: bad, blame: 'site' }]);
  });
});

describe('failure rates', () => {
  const holding = { attempts: 8, failureRate: 0.5, window: 3600 };

  it('leave one bad site out for a time, and never hold the production for it', async () => {
    const ref = await begin({ events: 400, holding });
    const [{ name: bad } = { name: '' }] = await room.rows<{ name: string }>(
      'select name from sites order by name limit 1',
    );
    const lost = failing({ state: 'lost', step: 'vanished', exitCode: null });
    await room.runJobs(ref, 0, 'events', (job, order) =>
      order.site === bad ? lost(job, order) : good(job, order),
    );
    expect(await room.rows('select distinct state from jobs')).toEqual([{ state: 'Done' }]);
    expect(await stateOf(ref)).toMatchObject({ state: 'Active' });
    const [out] = await room.rows<{ site: string; until: number; since: number }>(
      'select site, since, until from exclusions',
    );
    expect(out?.site).toBe(bad);
    expect((out?.until ?? 0) - (out?.since ?? 0)).toBe(3_600_000);
  });

  it('hold a production that fails everywhere; a release begins the count anew', async () => {
    const ref = await begin({ events: 400, holding, retries: { attempts: 5 } });
    for (let round = 0; round < 4 && (await stateOf(ref))?.state === 'Active'; round++) {
      for (const order of (await room.place(ref, 0)).bundles) {
        await room.settle(order, room.report(order, failing({ step: 'check' })));
      }
    }
    expect(await stateOf(ref)).toMatchObject({ state: 'Held' });
    expect((await stateOf(ref))?.reason).toMatch(
      /^\d+ of the last \d+ attempts failed: bad-output/,
    );
    expect(await room.rows('select * from exclusions')).toEqual([]);

    room.clock.pass(60);
    const command = { kind: 'release' as const, who: 'me', why: 'repaired' };
    await room.do.command({ ...ref, command });
    expect(await stateOf(ref)).toMatchObject({ state: 'Active' });
    for (const order of (await room.place(ref, 0)).bundles) {
      const some = room.report(order, (job, one) =>
        job.job === 1 ? failing({ step: 'check' })(job, one) : good(job, one),
      );
      await room.settle(order, some);
    }
    expect(await stateOf(ref)).toMatchObject({ state: 'Active' });
  });
});

describe('a production that is held for its failures', () => {
  it('goes on by itself when an amendment allows as many, and not before', async () => {
    const holding = { attempts: 8, failureRate: 0.5, window: 3600 };
    const ref = await begin({ events: 400, holding, retries: { attempts: 5 } });
    const mostFail: Outcome = (job, order) =>
      job.job % 10 === 0 ? good(job, order) : failing({ step: 'check' })(job, order);
    for (let round = 0; round < 4 && (await stateOf(ref))?.state === 'Active'; round++) {
      for (const order of (await room.place(ref, 0)).bundles) {
        await room.settle(order, room.report(order, mostFail));
      }
    }
    expect(await stateOf(ref)).toMatchObject({ state: 'Held' });
    const amend = (set: Record<string, unknown>) =>
      room.do.command({ ...ref, command: { kind: 'amend', who: 'me', why: '', select: { set } } });
    const still = await amend({ 'holding.failureRate': 0.6 });
    expect(still.state).toBe('Held');
    expect(still.message).toMatch(
      /it stays held \(\d+ of the last \d+ attempts failed: .*\) until `fabrica release mumu`$/,
    );
    const free = await amend({ 'holding.failureRate': 1 });
    expect(free.message).toContain('what held it is within its rules: it goes on');
    expect(await stateOf(ref)).toMatchObject({ state: 'Active' });
    expect((await room.place(ref, 0)).bundles.length).toBeGreaterThan(0);
  });
});

describe('logs', () => {
  it('of the first failures of a class are kept in the catalog, of the others only what was found in them', async () => {
    const ref = await begin({ events: 2000 });
    const logTail = 'terminate called: std::bad_alloc';
    for (let round = 0; round < 5; round++) {
      for (const order of (await room.place(ref, 0)).bundles) {
        await room.settle(order, room.report(order, failing({ logTail })));
      }
    }
    const [kept] = await room.rows<{ n: number }>(
      `select count(*) as n from attempts where log_tail <> ''`,
    );
    const [all] = await room.rows<{ n: number }>(
      `select count(*) as n from attempts where class = 'memory' and evidence like '%bad_alloc%'`,
    );
    expect(kept?.n).toBe(20);
    expect(all?.n).toBeGreaterThan(20);
  });
});
