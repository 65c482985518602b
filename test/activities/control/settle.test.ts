import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobsOf, type AttemptReport, type BundleOrder } from '../../../domain/bundle.js';
import {
  ControlRoom,
  definition,
  failing,
  good,
  outputsFor,
  type Outcome,
  type Ref,
} from './control-room.js';

let room: ControlRoom;
let ref: Ref;
let orders: readonly BundleOrder[];
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(
    definition({
      scouts: { jobs: 0 },
      fabrication: { outputs: [{ file: 'out.root' }, { file: 'log.txt', level: 'log' }] },
    }),
  );
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
  orders = (await room.place(ref, 0)).bundles;
});
afterEach(() => room.close());

const order = (): BundleOrder => orders[0]!;
const settle = (outcome: Outcome) => room.settle(order(), room.report(order(), outcome));
const jobs = (state: string) =>
  room.rows<{ number: number }>(`select number from jobs where state = '${state}' order by number`);

describe('settle', () => {
  it.each<[string, Outcome]>([
    ['success', good],
    ['failure', failing()],
    ['start', failing({ state: 'running', step: 'none', exitCode: null, endedAt: null })],
    ['loss', failing({ state: 'lost', step: 'vanished' })],
  ])(
    'changes nothing when it is told the same %s again, and answers the same',
    async (_, outcome) => {
      const first = await settle(outcome);
      const before = await room.dump();
      room.clock.pass(100);
      const second = await settle(outcome);
      expect(await room.dump()).toEqual(before);
      // Only remnants that have just been noted are told of: those of before wait for the end of the stage.
      const timeless = ({ progress, ...rest }: typeof first) => ({
        ...rest,
        remnants: null,
        progress: { ...progress, at: 0 },
      });
      expect(timeless(second)).toEqual(timeless(first));
    },
  );

  it('records outputs, files and replicas of good attempts', async () => {
    const answer = await settle(good);
    expect(answer).toMatchObject({ open: [], requeued: 0, remnants: false });
    expect(answer.closed).toEqual([{ job: 1, count: 2, attempt: 1 }]);
    const files = await room.rows(
      `select f.job, f.level, f.events, f.size, r.state from files f
       join replicas r on r.file_id = f.id order by f.job, f.level`,
    );
    const file = { events: 10, size: 1000, state: 'Available' };
    expect(files).toEqual([
      { job: 1, level: 'log', ...file },
      { job: 1, level: 'mdst', ...file },
      { job: 2, level: 'log', ...file },
      { job: 2, level: 'mdst', ...file },
    ]);
  });

  it('sends a failed job to another site after a back-off, and has its remnants removed', async () => {
    const answer = await settle(failing({ step: 'check', logTail: 'boom' }));
    expect(answer).toMatchObject({ requeued: 2, remnants: true });
    const { site } = order();
    expect(
      await room.rows('select state, charged, avoid, not_before from jobs where number = 1'),
    ).toEqual([
      {
        state: 'Waiting',
        charged: 1,
        avoid: JSON.stringify([site]),
        not_before: room.clock.now() + 60_000,
      },
    ]);
    const [left] = await room.rows<{ n: number }>('select count(*) as n from remnants');
    // Two jobs, two outputs, each with its unfinished name, on each destination.
    expect(left?.n).toBe(8 * order().recipe.destinations.length);
    room.clock.pass(60);
    const again = (await room.place(ref, 0)).bundles;
    expect(again.map((one) => one.site)).not.toContain(site);
    const sent = again.flatMap((one) => [...jobsOf(one.ranges)]).sort((a, b) => a.job - b.job);
    expect(sent).toMatchObject([
      { job: 1, attempt: 2, seed: 1, firstEvent: 1 },
      { job: 2, attempt: 2, seed: 2, firstEvent: 11 },
    ]);
  });

  it('has removed what a good attempt may have left on the storages that it tried in vain', async () => {
    const { destinations } = order().recipe;
    const last = destinations.at(-1)!;
    const onLast: Outcome = (job, one) => {
      const report = good(job, one);
      return {
        ...report,
        outputs: report.outputs.map((output) => ({ ...output, storage: last })),
      };
    };
    const answer = await settle(onLast);
    expect(answer).toMatchObject({ requeued: 0, remnants: destinations.length > 1 });
    const left = await room.rows<{ storage: string; n: number }>(
      'select storage, count(*) as n from remnants group by storage',
    );
    // Two jobs, two outputs, each with its unfinished name, where it was tried first.
    const inVain = destinations.slice(0, -1).sort();
    expect(inVain.length).toBeGreaterThan(0);
    expect(left).toEqual(inVain.map((storage) => ({ storage, n: 8 })));
  });

  it('looks for no remnants of a job whose wrapper ended before it had written any', async () => {
    expect(await settle(failing({ step: 'payload' }))).toMatchObject({ remnants: false });
    expect(await room.rows('select * from remnants')).toEqual([]);
  });

  it('takes no notice of what comes from a fenced attempt', async () => {
    const stale = room.report(order(), good);
    await settle(failing({ state: 'lost', step: 'vanished' }));
    room.clock.pass(60);
    await room.place(ref, 0);
    const before = await room.dump();
    const answer = await room.settle(order(), stale);
    expect(await room.dump()).toEqual(before);
    const attempts = [{ job: 1, count: 2, attempt: 1 }];
    // Their logs are kept first.
    expect(answer).toMatchObject({ open: [], closed: [], closing: { attempts, logs: attempts } });
  });

  it('takes no notice of attempts and jobs that it never placed', async () => {
    const before = await room.dump();
    const strange = room.report(order(), (job, one) => ({ ...good(job, one), attempt: 7 }));
    const unknown = room.report(order(), (job, one) => ({ ...good(job, one), job: job.job + 900 }));
    const answer = await room.settle(order(), [...strange, ...unknown]);
    expect(answer).toMatchObject({ open: [{ job: 1, count: 2, attempt: 1 }], closed: [] });
    expect(await room.dump()).toEqual(before);
  });

  it('records a report once when two workers bring it at the same time', async () => {
    const reports = room.report(order(), good);
    const answers = await Promise.all([1, 2, 3].map(() => room.settle(order(), reports)));
    expect(new Set(answers.map((one) => JSON.stringify(one.closed))).size).toBe(1);
    expect(await room.rows('select count(*) as n from files')).toEqual([{ n: 4 }]);
  });

  it('takes the last of several reports of one attempt', async () => {
    const started = room.report(order(), failing({ state: 'running', step: 'none' }));
    await room.settle(order(), [...started, ...room.report(order(), good)]);
    expect(await jobs('Done')).toHaveLength(2);
  });

  const altered =
    (change: (outputs: AttemptReport['outputs']) => AttemptReport['outputs']): Outcome =>
    (job, one) => ({ ...good(job, one), outputs: change(outputsFor(job, one)) });

  it.each<[string, Outcome, RegExp]>([
    [
      'another path',
      altered((all) => all.map((one) => ({ ...one, path: `${one.path}x` }))),
      /^output mdst is not reported at \/e/,
    ],
    [
      'another level',
      altered((all) => all.map((one) => ({ ...one, level: 'raw' }))),
      /^output mdst is not reported/,
    ],
    ['a missing output', altered((all) => all.slice(0, 1)), /^output log is not reported/],
    [
      'an output twice',
      altered((all) => [...all, ...all.slice(0, 1)]),
      /^output mdst is not reported/,
    ],
    [
      'an output too many',
      altered((all) => [...all, { ...all[0]!, level: 'raw' }]),
      /^more outputs than were asked for/,
    ],
    [
      'a storage that it was not to use',
      altered((all) => all.map((one) => ({ ...one, storage: 'NOWHERE' }))),
      /^output mdst is on NOWHERE/,
    ],
    ['an empty output', altered((all) => all.map((one) => ({ ...one, size: 0 }))), /is empty/],
    [
      'too few events',
      (job, one) => ({ ...good(job, one), events: 9 }),
      /^the payload reports 9 events, 10 were asked for/,
    ],
    [
      'too many events',
      (job, one) => ({ ...good(job, one), events: 11 }),
      /^the payload reports 11 events, 10 were asked for/,
    ],
    [
      'no word of the events',
      (job, one) => ({ ...good(job, one), events: null }),
      /^the payload did not report its events/,
    ],
  ])('makes a bad-output of a report with %s', async (_, outcome, reason) => {
    await settle(outcome);
    const attempts = await room.rows<{ state: string; class: string; reason: string }>(
      `select distinct state, class, reason from attempts where bundle = ${order().bundle}`,
    );
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({ state: 'Failed', class: 'bad-output' });
      expect(attempt.reason).toMatch(reason);
    }
    expect(await room.rows('select * from files')).toEqual([]);
    expect(await room.rows('select distinct state from jobs where number < 3')).toEqual([
      { state: 'Waiting' },
    ]);
  });

  it('parks a job that fails by its payload at a second site, with the reason in the log', async () => {
    await settle(failing());
    room.clock.pass(60);
    for (const again of (await room.place(ref, 0)).bundles) {
      await room.settle(again, room.report(again, failing()));
    }
    expect(await jobs('Parked')).toEqual([{ number: 1 }, { number: 2 }]);
    expect(await room.rows(`select why from events where what = 'job 1 parked'`)).toEqual([
      { why: 'payload-error again at another site: the payload is to blame' },
    ]);
  });
});
