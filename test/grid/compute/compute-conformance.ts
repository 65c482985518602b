import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { FailureClass } from '../../../domain/failure-class.js';
import type { CeJob, CeStatus, ComputeElement } from '../../../grid/compute/compute-element.js';
import {
  parsePayloadReport,
  parseWrapperReport,
  tellsOfSignalOnly,
} from '../../../grid/compute/wrapper-report.js';
import type { PayloadReport, WrapperReport } from '../../../grid/compute/wrapper-report.js';

/** What a job of the suite does. */
export interface Doing {
  /** How long it takes. (Default: as short as can be) */
  readonly seconds?: number;
  /** A shell command instead, where the kind runs commands. */
  readonly command?: string;
  readonly wallSeconds?: number;
  readonly memoryMB?: number;
}

/** What not every kind can do. */
export type Capability = 'runs-commands';

/** A computing element of some kind, for one test. */
export interface ElementUnderTest {
  /** One with no jobs at first; another one is another process on the same: neither knows when the other is gone. */
  open(fails?: FailureClass): ComputeElement;
  /** Jobs that run at once. */
  readonly slots: number;
  /** Its payload tells the events of `task.job`. */
  job(name: string, doing?: Doing): CeJob;
  /** The names of the jobs that have run, as they have started. */
  ran(): readonly string[];
  /** What is left of jobs where the element keeps them. */
  left(): readonly string[];
  /** Takes away what it needs; what is returned brings it back. */
  takeAway(): Promise<() => Promise<void>>;
  /** A name that is not there by itself; in the environment of jobs that run. */
  readonly folder: string;
}

export interface Suite {
  readonly element: () => ElementUnderTest;
  /** What the kind can not do, and why. */
  readonly lacks: Partial<Readonly<Record<Capability, string>>>;
  /** ms for 10,000 names; a kind whose element asks others needs more. (Default: 1000) */
  readonly pollLimit?: number;
  /** ms for each test. */
  readonly patience?: number;
}

const NEVER = new AbortController().signal;

/** What every kind of computing element must do. */
export function computeConformance({
  element,
  lacks,
  patience = 30_000,
  pollLimit = 1000,
}: Suite): void {
  const check = (what: string, test: () => Promise<void>): void => {
    it(what, test, patience);
  };
  /** A check of what not every kind can do is listed with the reason where it is left out. */
  const checkWith = (capability: Capability, what: string, test: () => Promise<void>): void => {
    const reason = lacks[capability];
    if (reason === undefined) check(what, test);
    else it.skip(`${what} [not of this kind: ${reason}]`, test);
  };

  check('takes 200 jobs at once and runs each to its end', async () => {
    const { job, open, slots } = element();
    const ce = open();
    const jobs = numbered(200).map((name) => job(name));
    const answers = await ce.submit(jobs);
    expect(answers.map(({ name, refused }) => [name, refused])).toEqual(
      jobs.map(({ name }) => [name, '']),
    );
    expect(new Set(answers.map(({ ceId }) => ceId)).size).toBe(200);
    expect((await ce.slots()).total).toBe(slots);
    const statuses = await allEnded(ce, namesOf(jobs));
    expect(statuses.map(outcomeOf)).toEqual(jobs.map(() => 'done'));
    expect(statuses.map(({ ceId }) => ceId)).toEqual(answers.map(({ ceId }) => ceId));
    expect(await ce.slots()).toEqual({ total: slots, running: 0, queued: 0 });
  });

  check('runs at most as many jobs as it has slots; the others are queued', async () => {
    const { job, open, slots } = element();
    const ce = open();
    const jobs = numbered(slots + 3).map((name) => job(name, { seconds: 30 }));
    await ce.submit(jobs);
    await untilRunning(ce, slots);
    const states = (await ce.poll(namesOf(jobs))).map(({ state }) => state);
    expect(states.filter((state) => state === 'running')).toHaveLength(slots);
    expect(states.filter((state) => state === 'queued')).toHaveLength(3);
    expect(await ce.slots()).toEqual({ total: slots, running: slots, queued: 3 });
    await ce.end(namesOf(jobs));
    expect(await ce.slots()).toEqual({ total: slots, running: 0, queued: 0 });
  });

  check('runs a job once, however often and by how many processes it is submitted', async () => {
    const { job, open, ran } = element();
    const [one, other] = [open(), open()];
    const jobs = numbered(6).map((name) => job(name));
    const answers = await Promise.all([one.submit(jobs), other.submit(jobs), one.submit(jobs)]);
    for (const answer of answers)
      expect(answer.map(({ refused }) => refused)).toEqual(Array(6).fill(''));
    await Promise.all([allEnded(one, namesOf(jobs)), allEnded(other, namesOf(jobs))]);
    const again = await one.submit(jobs);
    expect(again.map(({ refused }) => refused)).toEqual(Array(6).fill(''));
    const statuses = await other.poll(namesOf(jobs));
    expect(statuses.map(outcomeOf)).toEqual(Array(6).fill('done'));
    expect(await one.slots()).toMatchObject({ running: 0, queued: 0 });
    if (lacks['runs-commands'] === undefined)
      expect([...ran()].sort()).toEqual(namesOf(jobs).sort());
  });

  check(
    'finds jobs again that an earlier process has submitted, and goes on with them',
    async () => {
      const { job, open, ran, slots } = element();
      const before = open();
      const jobs = numbered(slots + 2).map((name) => job(name, { seconds: 2 }));
      await before.submit(jobs);
      await untilRunning(before, slots);
      await before.close();
      const after = open();
      const states = (await after.poll(namesOf(jobs))).map(({ state }) => state);
      expect(new Set(states)).toEqual(new Set(['running', 'queued']));
      expect((await after.submit(jobs)).map(({ refused }) => refused)).toEqual(jobs.map(() => ''));
      expect((await allEnded(after, namesOf(jobs))).map(outcomeOf)).toEqual(jobs.map(() => 'done'));
      if (lacks['runs-commands'] === undefined)
        expect([...ran()].sort()).toEqual(namesOf(jobs).sort());
    },
  );

  check('tells of jobs in the order in which it is asked, and of unknown names, too', async () => {
    const { job, open } = element();
    const ce = open();
    await ce.submit([
      job('e1000000.p.1.1', { seconds: 30 }),
      job('e1000000.p.2.1', { seconds: 30 }),
    ]);
    const names = [
      'e1000000.p.9.1',
      'e1000000.p.2.1',
      'never',
      'e1000000.p.1.1',
      '../x',
      'e1000000.p.2.1',
    ];
    const statuses = await ce.poll(names);
    expect(statuses.map(({ name }) => name)).toEqual(names);
    expect(statuses.map(({ state }) => state === 'unknown')).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(statuses[0]).toEqual({
      ...{ name: 'e1000000.p.9.1', state: 'unknown', ceId: '', startedAt: null, endedAt: null },
      ...{ report: null, payloadReport: null },
    });
    expect(await ce.poll([])).toEqual([]);
    await ce.end(names);
  });

  check('tells of 10,000 jobs in a moment', async () => {
    const { job, left, open, slots } = element();
    const ce = open();
    const first = numbered(slots, 'first').map((name) => job(name, { seconds: 60 }));
    await ce.submit(first);
    await untilRunning(ce, slots);
    const jobs = numbered(10_000).map((name) => job(name));
    const names = namesOf(jobs);
    expect((await ce.submit(jobs)).filter(({ refused }) => refused !== '')).toEqual([]);
    await ce.poll(names);
    const begun = performance.now();
    const statuses = await ce.poll(names);
    expect(performance.now() - begun).toBeLessThan(pollLimit);
    expect(new Set(statuses.map(({ state }) => state))).toEqual(new Set(['queued']));
    expect(await ce.withdraw(names)).toEqual(names);
    await ce.end(namesOf(first));
    await ce.forget([...names, ...namesOf(first)]);
    expect(left()).toEqual([]);
  });

  check('ends jobs that run and jobs that wait', async () => {
    const { job, open, ran, slots } = element();
    const ce = open();
    const jobs = numbered(slots + 2).map((name) => job(name, { seconds: 60 }));
    await ce.submit(jobs);
    await untilRunning(ce, slots);
    // Of a job that has not come to its payload nothing may be left that tells how it ended.
    while (lacks['runs-commands'] === undefined && ran().length < slots) await pause(100);
    await ce.end(namesOf(jobs));
    const statuses = await ce.poll(namesOf(jobs));
    const ends = statuses.map((status) => {
      const report = reportOf(status);
      // The signal may have met the payload before the wrapper.
      return report !== null && tellsOfSignalOnly(report) ? 'killed' : status.state;
    });
    expect(ends.filter((end) => end === 'killed')).toHaveLength(slots);
    expect(ends.filter((end) => end === 'withdrawn')).toHaveLength(2);
    for (const { startedAt, state } of statuses)
      expect(startedAt === null).toBe(state === 'withdrawn');
    await ce.end(namesOf(jobs));
  });

  check('never runs a job that was ended before it came', async () => {
    const { job, open, ran } = element();
    const [one, other] = [open(), open()];
    await one.end(['e1000000.p.9.1']);
    const late = job('e1000000.p.9.1');
    const refused = { name: late.name, ceId: '', withdrawn: true };
    expect(await other.submit([late])).toMatchObject([refused]);
    expect(await one.submit([late, job('e1000000.p.10.1')])).toMatchObject([
      refused,
      { refused: '' },
    ]);
    await allEnded(one, ['e1000000.p.10.1']);
    expect(await other.poll([late.name])).toMatchObject([{ state: 'withdrawn', report: null }]);
    if (lacks['runs-commands'] === undefined) expect(ran()).toEqual(['e1000000.p.10.1']);
    await other.forget([late.name]);
    expect(await other.poll([late.name])).toMatchObject([{ state: 'unknown' }]);
  });

  check('withdraws what has not started, and leaves alone what runs', async () => {
    const { job, open, slots } = element();
    const ce = open();
    const running = numbered(slots, 'first').map((name) => job(name, { seconds: 4 }));
    await ce.submit(running);
    await untilRunning(ce, slots);
    const waiting = numbered(3).map((name) => job(name));
    await ce.submit(waiting);
    const names = [...namesOf(running), ...namesOf(waiting), 'e1000000.p.99.1'];
    const never = [...namesOf(waiting), 'e1000000.p.99.1'];
    expect(await ce.withdraw(names)).toEqual(never);
    expect(await ce.withdraw(names)).toEqual(never);
    const statuses = await allEnded(ce, names);
    expect(statuses.map(({ state }) => state)).toEqual([
      ...running.map(() => 'ended'),
      ...never.map(() => 'withdrawn'),
    ]);
    expect(statuses.slice(0, slots).map(outcomeOf)).toEqual(running.map(() => 'done'));
    expect(await ce.submit([job('e1000000.p.99.1')])).toMatchObject([
      { ceId: '', withdrawn: true },
    ]);
    const after = open();
    expect((await after.poll(never)).map(({ state }) => state)).toEqual(
      never.map(() => 'withdrawn'),
    );
    await after.forget(names);
    expect((await after.poll(names)).map(({ state }) => state)).toEqual(names.map(() => 'unknown'));
  });

  check('forgets ended jobs whole, whoever has seen them end, and no others', async () => {
    const { job, left, open } = element();
    const [one, other] = [open(), open()];
    const jobs = numbered(3).map((name) => job(name));
    const long = job('e1000000.p.99.1', { seconds: 3 });
    await one.submit([...jobs, long]);
    await allEnded(one, namesOf(jobs));
    await one.forget([...namesOf(jobs), long.name, 'e1000000.p.77.1']);
    const [rest, ...gone] = await other.poll([long.name, ...namesOf(jobs)]);
    expect(rest?.state).toMatch(/queued|running/);
    expect(gone.map(({ report, state }) => ({ report, state }))).toEqual(
      jobs.map(() => ({ report: null, state: 'unknown' })),
    );
    expect(await one.readLog(jobs[0]?.name ?? '', { head: 0, tail: 10 })).toBeNull();
    expect((await allEnded(one, [long.name])).map(outcomeOf)).toEqual(['done']);
    await other.forget([long.name]);
    await one.forget([long.name]);
    expect(await one.poll([long.name])).toMatchObject([{ state: 'unknown' }]);
    expect(left()).toEqual([]);
  });

  check('ends what is of another epoch, and takes no job of an earlier one any more', async () => {
    const { job, left, open } = element();
    const ce = open();
    const [old, now] = ['e1000000', 'e2000000'];
    const names = ['p.1.1', 'p.2.1', 'p.3.1'].map((rest) => `${old}.${rest}`);
    await ce.submit(names.map((name) => job(name, { seconds: 60 })));
    await untilRunning(ce, 1);
    expect(await ce.retire(now)).toBe(3);
    expect(left()).toEqual([]);
    expect((await ce.poll(names)).map(({ state }) => state)).toEqual(names.map(() => 'unknown'));
    const late = job(`${old}.p.9.1`);
    const refused = [{ ceId: '', refused: 'the job is of an earlier epoch' }];
    expect(await ce.submit([late])).toMatchObject(refused);
    expect(await open().submit([late])).toMatchObject(refused);
    const mine = job(`${now}.p.1.1`);
    await ce.submit([mine]);
    expect(await ce.retire(now)).toBe(0);
    expect((await allEnded(ce, [mine.name])).map(outcomeOf)).toEqual(['done']);
  });

  check('leaves nothing of an epoch that is retired while its jobs are submitted', async () => {
    const { job, left, open } = element();
    const [one, other] = [open(), open()];
    const jobs = numbered(20).map((name) => job(name, { seconds: 60 }));
    await Promise.all([one.submit(jobs), other.retire('e2000000')]);
    await other.retire('e2000000');
    expect(left()).toEqual([]);
    expect(await other.slots()).toMatchObject({ running: 0, queued: 0 });
  });

  check('hands back the reports of wrapper and payload, and when it ran', async () => {
    const { job, open } = element();
    const ce = open();
    const begun = Date.now();
    const one = job('e1000000.p.1.1', { seconds: 0.5 });
    await ce.submit([one]);
    const [status] = await allEnded(ce, [one.name]);
    if (status === undefined) throw new Error('no status');
    const report = reportOf(status);
    expect(report).toMatchObject({ outcome: 'done', step: 'none', exitCode: 0, outputs: [] });
    expect(report?.node).not.toBe('');
    expect(report?.wallSeconds).toBeGreaterThan(0);
    expect(payloadReportOf(status)?.events).toBe(one.task.job.events);
    expect(status.startedAt).toBeGreaterThanOrEqual(begun - 1000);
    expect(status.endedAt).toBeGreaterThanOrEqual(status.startedAt ?? Infinity);
    expect(status.endedAt).toBeLessThan(Date.now() + 2000);
  });

  check('enforces the limits of wall time and memory', async () => {
    const { job, open } = element();
    const ce = open();
    const jobs = [
      job('e1000000.p.1.1', { seconds: 20, wallSeconds: 1 }),
      job('e1000000.p.2.1', {
        ...{ seconds: 1, memoryMB: 60 },
        command: `exec perl -e '$x = "a" x 200_000_000; sleep 10'`,
      }),
    ];
    await ce.submit(jobs);
    const statuses = await allEnded(ce, namesOf(jobs));
    expect(statuses.map((status) => reportOf(status)?.step)).toEqual([
      'wall-limit',
      'memory-limit',
    ]);
  });

  check('tells of a job that has ended without a report', async () => {
    const { job, open } = element();
    const ce = open('lost');
    // The parent of its parent, which is `timeout`, is the wrapper.
    const command = 'kill -9 "$(cut -d " " -f 4 /proc/$PPID/stat)"; sleep 20';
    const one = job('e1000000.p.1.1', { command });
    await ce.submit([one]);
    const [status] = await allEnded(ce, [one.name]);
    expect(status).toMatchObject({ state: 'ended', report: null });
    await ce.forget([one.name]);
    expect(await ce.poll([one.name])).toMatchObject([{ state: 'unknown' }]);
  });

  check('refuses names that it can not use, and takes the others', async () => {
    const { job, left, open } = element();
    const ce = open();
    const bad = ['../x', 'a b', '', 'x'.repeat(300), 'e1/p.1.1'];
    const named = (name: string): CeJob => ({ ...job('e1000000.p.1.1'), name });
    const answers = await ce.submit([...bad.map(named), job('e1000000.p.2.1')]);
    expect(answers.map(({ refused }) => refused === '')).toEqual([...bad.map(() => false), true]);
    await ce.end(bad);
    await ce.forget(bad);
    expect((await ce.poll(bad)).map(({ state }) => state)).toEqual(bad.map(() => 'unknown'));
    await allEnded(ce, ['e1000000.p.2.1']);
    await ce.forget(['e1000000.p.2.1']);
    expect(left()).toEqual([]);
  });

  checkWith('runs-commands', 'hands back both ends of what a job has written', async () => {
    const { job, open } = element();
    const ce = open();
    const jobs = [
      job('e1000000.p.1.1', { command: 'seq 100000' }),
      job('e1000000.p.2.1', { command: String.raw`printf 'a\000b\377\n\303'` }),
    ];
    await ce.submit(jobs);
    await allEnded(ce, namesOf(jobs));
    const log = await ce.readLog('e1000000.p.1.1', { head: 4, tail: 10 });
    expect([log?.head.toString(), log?.tail.toString(), log?.size]).toEqual([
      '1\n2\n',
      '99\n100000\n',
      588_895,
    ]);
    const odd = await ce.readLog('e1000000.p.2.1', { head: 3, tail: 100 });
    expect(odd?.size).toBe(6);
    expect(odd?.head.equals(Buffer.from([97, 0, 98]))).toBe(true);
    expect(odd?.tail.equals(Buffer.from([255, 10, 195]))).toBe(true);
    expect(await ce.readLog('e1000000.p.3.1', { head: 3, tail: 100 })).toBeNull();
  });

  checkWith('runs-commands', 'lets nobody else read what is secret of a job', async () => {
    const { job, open } = element();
    const ce = open();
    const secret = 'planted-8fQ2';
    // Of itself only the beginning, so that what looks for it does not find itself.
    const command = [
      `stat -c %a wrapper.sh`,
      `grep -c "${secret.slice(0, -1)}[2]" wrapper.sh`,
      `find . .. -maxdepth 1 -type f -perm /077 -exec grep -l "${secret.slice(0, -1)}[2]" {} +`,
      `echo no more`,
    ].join('; ');
    const curl = [['header', `Authorization: Bearer ${secret}`]] as const;
    const access = () => Promise.resolve([{ url: 'https://storage.test/', curl }]);
    const one = { ...job('e1000000.p.1.1', { command }), access };
    await ce.submit([one]);
    await allEnded(ce, [one.name]);
    const log = await ce.readLog(one.name, { head: 1000, tail: 0 });
    expect(log?.head.toString()).toMatch(/^600\n[1-9]\d*\nno more\n/);
  });

  checkWith('runs-commands', 'tells how a payload has failed', async () => {
    const { job, open } = element();
    const ce = open();
    await ce.submit([job('e1000000.p.1.1', { command: 'echo why >&2; exit 7' })]);
    const [status] = await allEnded(ce, ['e1000000.p.1.1']);
    expect(status && reportOf(status)).toMatchObject({
      outcome: 'failed',
      step: 'payload',
      exitCode: 7,
    });
    const log = await ce.readLog('e1000000.p.1.1', { head: 0, tail: 100 });
    expect(log?.tail.toString()).toMatch(/why/);
  });

  checkWith(
    'runs-commands',
    'neither follows nor waits for what a payload puts in place of its files',
    async () => {
      const { folder, job, open } = element();
      const ce = open();
      const command = `echo secret >${folder}/secret; rm fabrica-report.json log
        mkfifo fabrica-report.json; ln -s ${folder}/secret log`;
      await ce.submit([job('e1000000.p.1.1', { command })]);
      const [status] = await allEnded(ce, ['e1000000.p.1.1']);
      expect(status?.payloadReport).toBeNull();
      expect(await ce.readLog('e1000000.p.1.1', { head: 0, tail: 100 })).toBeNull();
    },
  );

  check(
    'wakes whoever waits when a job has ended, at the end of the time, and when it is told to',
    async () => {
      const { job, open } = element();
      const ce = open();
      const quiet = new AbortController();
      await ce.changed(100, quiet.signal);
      const idle = performance.now();
      await ce.changed(300, quiet.signal);
      expect(performance.now() - idle).toBeGreaterThan(250);
      const waiting = ce.changed(20_000, quiet.signal);
      quiet.abort();
      await waiting;
      expect(performance.now() - idle).toBeLessThan(3000);
      const signal = new AbortController().signal;
      await ce.submit([job('e1000000.p.1.1', { seconds: 1 })]);
      const begun = performance.now();
      while ((await ce.poll(['e1000000.p.1.1']))[0]?.state !== 'ended') {
        await ce.changed(15_000, signal);
        expect(performance.now() - begun).toBeLessThan(10_000);
      }
    },
  );

  check('throws while it is gone, and loses nothing meanwhile', async () => {
    const { job, open, takeAway } = element();
    const ce = open();
    await expect(ce.check()).resolves.toBeUndefined();
    const one = job('e1000000.p.1.1', { seconds: 2 });
    await ce.submit([one]);
    // One that is just being started may be lost: with the disk of `local` its folder goes.
    await untilRunning(ce, 1);
    const bringBack = await takeAway();
    await expect(ce.check()).rejects.toMatchObject({
      ...{ code: 'FABRICA_COMPUTE_SUBMISSION', retryable: true },
    });
    await bringBack();
    await expect(ce.check()).resolves.toBeUndefined();
    expect((await allEnded(ce, [one.name])).map(outcomeOf)).toEqual(['done']);
  });

  check('closes at once, and its jobs go on', async () => {
    const { job, open } = element();
    const ce = open();
    await ce.submit([job('e1000000.p.1.1', { seconds: 2 })]);
    await untilRunning(ce, 1);
    const waiting = ce.changed(20_000, NEVER);
    const begun = performance.now();
    await ce.close();
    await waiting;
    expect(performance.now() - begun).toBeLessThan(2000);
    expect((await allEnded(open(), ['e1000000.p.1.1'])).map(outcomeOf)).toEqual(['done']);
  });
}

const numbered = (count: number, production = 'p'): string[] =>
  Array.from({ length: count }, (_, i) => `e1000000.${production}.${i + 1}.1`);

const namesOf = (jobs: readonly CeJob[]): string[] => jobs.map(({ name }) => name);

/** What has become of these jobs, once all have ended. */
async function allEnded(element: ComputeElement, names: readonly string[]): Promise<CeStatus[]> {
  const { signal } = new AbortController();
  for (;;) {
    const statuses = await element.poll(names);
    if (statuses.every(({ state }) => state === 'ended' || state === 'withdrawn')) return statuses;
    const lost = statuses.find(({ state }) => state === 'unknown');
    if (lost !== undefined) throw new Error(`${lost.name} is unknown`);
    await element.changed(1000, signal);
  }
}

/** So many jobs run, and none more begins by itself. */
async function untilRunning(element: ComputeElement, count: number): Promise<void> {
  const names = [...numbered(100), ...numbered(100, 'first')];
  for (;;) {
    const statuses = await element.poll(names);
    if (statuses.filter(({ state }) => state === 'running').length >= count) return;
    await pause(100);
  }
}

/** What a job's wrapper says of it. */
function reportOf({ report }: CeStatus): WrapperReport | null {
  return typeof report === 'string' ? parseWrapperReport(report) : report;
}

function payloadReportOf({ payloadReport }: CeStatus): PayloadReport | null {
  return typeof payloadReport === 'string' ? parsePayloadReport(payloadReport) : payloadReport;
}

/** What the wrapper says of the job, with its reason where it has failed. */
function outcomeOf(status: CeStatus): string {
  const report = reportOf(status);
  if (report === null) return 'no report';
  return report.outcome === 'failed'
    ? `failed in ${report.step}: ${report.reason}`
    : report.outcome;
}
