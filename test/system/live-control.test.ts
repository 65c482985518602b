import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { CommandAnswer } from '../../domain/command.js';
import { smallProduction, startSystem, until, type TestSystem } from './running-system.js';
import { startedJobs, untilStarted } from './started-jobs.js';

let fabrica: TestSystem;
beforeAll(async () => {
  fabrica = await startSystem();
});
afterAll(async () => {
  await fabrica.end();
});

const ask = (handle: WorkflowHandle, kind: string, argument?: unknown): Promise<CommandAnswer> =>
  handle.executeUpdate<CommandAnswer, [unknown]>(kind, { args: [argument] });

async function refusal(handle: WorkflowHandle, kind: string, argument: unknown): Promise<string> {
  try {
    return JSON.stringify(await ask(handle, kind, argument));
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    return error.cause?.message ?? '';
  }
}

async function eventTexts(production: string): Promise<string[]> {
  const rows = await fabrica.catalog.read((db) =>
    db
      .selectFrom('events')
      .innerJoin('productions', 'productions.id', 'events.production_id')
      .select(['who', 'what', 'why'])
      .where('productions.name', '=', production)
      .orderBy('events.id')
      .execute(),
  );
  return rows.map(({ what, who, why }) => `${who}: ${what}: ${why}`);
}

/** Kinds of commands whose answers are remembered. */
async function answersTo(production: string): Promise<string[]> {
  const rows = await fabrica.catalog.read((db) =>
    db
      .selectFrom('answers')
      .innerJoin('productions', 'productions.id', 'answers.production_id')
      .select('answers.answer')
      .where('productions.name', '=', production)
      .execute(),
  );
  return rows.map(({ answer }) => (JSON.parse(answer) as CommandAnswer).command);
}

const attemptStates = (production: string) =>
  fabrica.catalog.read(async (db) => {
    const rows = await db
      .selectFrom('attempts')
      .innerJoin('productions', 'productions.id', 'attempts.production_id')
      .select((eb) => ['attempts.state', eb.fn.countAll<number>().as('attempts')])
      .where('productions.name', '=', production)
      .groupBy('attempts.state')
      .execute();
    return Object.fromEntries(rows.map(({ attempts, state }) => [state, attempts]));
  });

/** Jobs of some seconds, more than there are slots. */
const long = (name: string, seconds: number, events = 400) =>
  smallProduction(name, {
    events,
    scouts: { jobs: 0 },
    behaviour: `sleep(${seconds * 1000});`,
  });

test('a pause withdraws what waits at the sites, and what runs goes on; after a resume all is made', async () => {
  const handle = await fabrica.start(long('paused', 2, 300));
  await untilStarted(fabrica, 'paused');
  const asked = Date.now();
  const answer = await ask(handle, 'pause', { reason: 'the storage is full', by: 'me@here' });
  expect(Date.now() - asked).toBeLessThan(5000);
  expect(answer).toMatchObject({ outcome: 'done', from: 'Active', state: 'Stopped' });
  expect(answer.message).toMatch(WITHDRAWN);
  const started = startedJobs(fabrica, 'paused');
  const { jobs } = await until(
    handle,
    (progress) => (progress.jobs.Running ?? 0) + (progress.jobs.Submitted ?? 0) === 0,
    60,
  );
  expect(jobs.Waiting).toBeGreaterThan(0);
  const before = await attemptStates('paused');
  expect(before).toEqual({ Done: started, Cancelled: Number(WITHDRAWN.exec(answer.message)?.[1]) });
  await sleep(2000);
  expect(await attemptStates('paused')).toEqual(before);
  expect(await ask(handle, 'pause')).toMatchObject({ outcome: 'already' });
  expect(await ask(handle, 'resume', 'it has room')).toMatchObject({ state: 'Active' });
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('paused', 300);
  const log = (await eventTexts('paused')).join('\n');
  expect(log).toMatch(/me@here: \d+ jobs? that had not started \S+ withdrawn: the storage is full/);
}, 120_000);

const WITHDRAWN = /^Active -> Stopped; ([1-9]\d*) jobs? that had not started \S+ withdrawn$/;

test('commands that contradict each other are carried out in the order of their arrival', async () => {
  const handle = await fabrica.start(long('contrary', 0.5, 200));
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) > 0);
  const answers = await Promise.all([
    ...['pause', 'resume', 'pause', 'resume', 'resume'].map((kind) => ask(handle, kind)),
    ask(handle, 'reprioritize', 9),
    ask(handle, 'reprioritize', 2),
  ]);
  // They were sent together: whatever order they have come in, each has found what the one before has left.
  const told = (await eventTexts('contrary')).filter((text) => /Active|Stopped/.test(text));
  const changes = told.flatMap(
    (text) => /(Active|Stopped) -> (Active|Stopped)/.exec(text)?.[0] ?? [],
  );
  expect(changes.length % 2 === 0 || changes.at(-1) === 'Active -> Stopped').toBe(true);
  for (const [i, change] of changes.entries()) {
    expect(change).toBe(i % 2 === 0 ? 'Active -> Stopped' : 'Stopped -> Active');
  }
  expect(answers.every(({ outcome }) => outcome !== 'refused')).toBe(true);
  await ask(handle, 'resume');
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('contrary', 200);
}, 60_000);

test('updates that make no sense are refused with the reason, and leave no trace; signals are noted', async () => {
  const handle = await fabrica.start(long('senseless', 1, 100));
  await until(handle, ({ state }) => state === 'Active');
  for (const [kind, argument, words] of [
    ['reprioritize', 0, 'from 1 to 10, not 0'],
    ['reprioritize', 11, 'from 1 to 10, not 11'],
    ['reprioritize', 2.5, 'from 1 to 10, not 2.5'],
    ['reprioritize', 'high', 'from 1 to 10, not "high"'],
    ['reprioritize', undefined, 'none was given'],
    ['extend', { events: -5 }, 'events is a whole number from 1 to 1000000000000, not -5'],
    ['extend', { total: 0.5 }, 'total is a whole number'],
    ['extend', 1000, 'its input must be'],
    ['extend', { evnts: 5 }, '"evnts" is no field of it; did you mean events? it takes events'],
    ['pause', { reason: 7 }, 'its input must be'],
    ['kill', undefined, ''],
    ['comment', '  ', 'a comment is a text'],
    ['amend', { set: { events: 5 } }, 'fabrica extend'],
  ] as const) {
    expect(await refusal(handle, kind, argument), kind).toContain(words);
  }
  for (const argument of [0, 'high', { value: [] }]) await handle.signal('reprioritize', argument);
  await handle.signal('pause', 7);
  await handle.signal('paws', 'the storage is full');
  const refused = (what: string): Promise<string[]> =>
    vi.waitFor(
      async () => {
        const texts = await eventTexts('senseless');
        const those = texts.filter((text) => text.includes(`${what} refused`));
        expect(those.length).toBeGreaterThan(1);
        return those;
      },
      { timeout: 20_000, interval: 100 },
    );
  expect(await refused('malformed')).toEqual([
    expect.stringContaining('pause: its input must be'),
    expect.stringContaining('no signal is named "paws"; there are pause, resume'),
  ]);
  expect(await refused('reprioritize')).toHaveLength(3);
  // Signals carry no id: each has got one, by which its answer is remembered.
  const answered = await answersTo('senseless');
  expect(answered.filter((kind) => kind === 'reprioritize')).toHaveLength(3);
  expect(answered).toContain('malformed');
  await ask(handle, 'cancel');
  expect(await handle.result()).toMatchObject({ state: 'Cancelled' });
}, 60_000);

test('an extension makes more events, while it runs and after its end', async () => {
  const handle = await fabrica.start(long('extended', 0.2, 100));
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) > 0);
  expect(await ask(handle, 'extend', { events: 100, reason: 'more' })).toMatchObject({
    outcome: 'done',
    message: 'events 100 -> 200',
  });
  expect(await ask(handle, 'extend', { total: 200 })).toMatchObject({ outcome: 'already' });
  expect(await refusal(handle, 'extend', { total: 50 })).toContain(
    '200 events are asked for already',
  );
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('extended', 200);
}, 60_000);

test('a production that is finished early starts no more jobs, and completes with what there is', async () => {
  const handle = await fabrica.start(long('finished', 0.5));
  const { jobs } = await until(handle, (progress) => (progress.jobs.Done ?? 0) >= 3);
  expect(jobs.Waiting ?? jobs.Submitted).toBeGreaterThan(0);
  expect(await ask(handle, 'finish', 'enough')).toMatchObject({ outcome: 'done', state: 'Active' });
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const { events } = await until(handle, ({ state }) => state === 'Completed');
  expect(events.made).toBeGreaterThanOrEqual(30);
  expect(events.made + events.waived).toBe(400);
  expect(events.distributed).toBe(events.made);
  await fabrica.audit('finished', 400);
}, 60_000);

test('an amendment takes a site away: what has not started there goes elsewhere', async () => {
  const handle = await fabrica.start(long('amended', 1.5, 200));
  await untilStarted(fabrica, 'amended');
  const [kept = ''] = fabrica.configuration.sites.map(({ name }) => name);
  const answer = await ask(handle, 'amend', { set: { sites: [kept], tolerance: 0.01 } });
  expect(answer).toMatchObject({ outcome: 'done' });
  expect(answer.message).toContain('tolerance: 0 -> 0.01');
  const since = Date.now();
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const sites = await fabrica.catalog.read((db) =>
    db
      .selectFrom('attempts')
      .innerJoin('productions', 'productions.id', 'attempts.production_id')
      .select('site')
      .distinct()
      .where('productions.name', '=', 'amended')
      .where('attempts.started_at', '>', since + 1000)
      .execute(),
  );
  expect(sites).toEqual([{ site: kept }]);
  await fabrica.audit('amended', 200);
}, 90_000);
