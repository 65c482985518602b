import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CeJob, CeStatus } from '../../../grid/compute/compute-element.js';
import type { WrapperReport } from '../../../grid/compute/wrapper-report.js';
import type { JobRecipe } from '../../../domain/bundle.js';
import { systemClock } from '../../../domain/clock.js';
import type { FailureClass } from '../../../domain/failure-class.js';
import {
  SimulatedComputeElement,
  type SimulatedComputeOptions,
} from '../../../grid/simulated/compute.js';
import { outputPath } from '../../../grid/simulated/conclusion.js';
import { fateOf, type FateProfile } from '../../../grid/simulated/fate.js';
import { SimulatedStorage } from '../../../grid/simulated/storage.js';
import { computeConformance, type Doing } from '../compute/compute-conformance.js';
import { attemptOf } from '../compute/job-fixture.js';
import { storagesOf } from './storages-of.js';

/** Simulated seconds per second: an hour takes a second. */
const SPEED = 3600;
const PROFILE: FateProfile = {
  seed: 1,
  secondsPerEvent: { median: 3.6, spread: 0 },
  wallOverCpu: { median: 1, spread: 0 },
  queueSeconds: { median: 36, spread: 0 },
  memoryMB: { median: 1000, spread: 0 },
  hs23PerCore: 10,
  failures: {},
};

let folder: string;
let now: number;
let near: SimulatedStorage;
/** Those that are open at the end of a test. */
let elements: SimulatedComputeElement[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-simulated-'));
  now = 0;
  elements = [];
  near = new SimulatedStorage({
    ...{ name: 'NEAR', folder, capacity: 1e12, readOnly: false, slowness: 0, lies: 0 },
    ...{ outages: [], speed: SPEED, clock: { now: () => now } },
  });
});
afterEach(async () => {
  for (const one of elements) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

const element = (change: Partial<SimulatedComputeOptions> = {}): SimulatedComputeElement =>
  new SimulatedComputeElement({
    site: 'KMI',
    slots: 2,
    folder,
    profile: PROFILE,
    bytesPerEvent: 1000,
    outages: [],
    diesAt: null,
    speed: SPEED,
    storages: storagesOf(near),
    clock: { now: () => now },
    ...change,
  });

const failing = (failures: FateProfile['failures']): Partial<SimulatedComputeOptions> => ({
  profile: { ...PROFILE, failures },
});

type SimulatedJob = Pick<CeJob, 'name' | 'task'>;

const RECIPE: JobRecipe = {
  command: ['true'],
  environment: '',
  payload: [],
  validation: [],
  outputs: [
    {
      level: 'mdst',
      file: 'out.root',
      naming: { directory: '/mc/sub{sub}', file: '{index}.{task}.root' },
    },
  ],
  destinations: ['NEAR'],
  claims: '/.claims',
  wallSeconds: 7200,
  memoryMB: 2000,
  diskMB: 20_000,
};

/** A job of 1000 events: an hour of simulated time, a second of the clock. */
function jobOf(job: number, attempt = 1, change: Partial<JobRecipe> = {}): SimulatedJob {
  const order = { ...{ job, attempt, seed: 1000 + job }, firstEvent: 1, events: 1000, index: job };
  const bundle = {
    ...{ epoch: 'e1', production: 'mc', site: 'KMI' },
    recipe: { ...RECIPE, ...change },
  };
  const task = { bundle, job: order, files: [], overlay: [] };
  return { name: `e1.mc.${job}.${attempt}`, task };
}

/** Where its output lies. */
function pathOf(job: number, attempt = 1): string {
  const { task } = jobOf(job, attempt);
  return outputPath(task, 0);
}

async function statusOf(ce: SimulatedComputeElement, name: string): Promise<CeStatus> {
  const [status] = await ce.poll([name]);
  if (status === undefined) throw new Error(`no status of ${name}`);
  return status;
}

async function reportOf(ce: SimulatedComputeElement, name: string): Promise<WrapperReport> {
  const { report } = await statusOf(ce, name);
  if (report === null || typeof report === 'string') throw new Error(`${name} tells ${report}`);
  return report;
}

const outcomeOf = (report: string | WrapperReport): string =>
  typeof report === 'string' ? report : report.outcome;

/** Simulated seconds per second of the suite. */
const SUITE_SPEED = 100;

function suiteElement(fails?: FailureClass): SimulatedComputeElement {
  const opened = element({
    ...{ speed: SUITE_SPEED, clock: systemClock, slots: 3 },
    profile: {
      ...PROFILE,
      secondsPerEvent: { median: 1, spread: 0 },
      queueSeconds: { median: 1, spread: 0 },
      failures: fails === undefined ? {} : { [fails]: 1 },
    },
  });
  elements.push(opened);
  return opened;
}

function suiteJob(name: string, { memoryMB, seconds = 0, wallSeconds }: Doing = {}): CeJob {
  const [epoch = '', production = '', job = ''] = name.split('.');
  const { task } = jobOf(Number(job), 1, {
    outputs: [],
    ...(memoryMB === undefined ? {} : { memoryMB }),
    ...(wallSeconds === undefined ? {} : { wallSeconds: SUITE_SPEED * wallSeconds }),
  });
  const events = Math.max(1, SUITE_SPEED * seconds);
  const { wrapper } = attemptOf(name, {}, folder);
  const bundle = { ...task.bundle, epoch, production };
  return { name, wrapper, task: { ...task, bundle, job: { ...task.job, events } } };
}

/** Whether the element has gone for all. */
function setOut(isOut: 0 | 1): void {
  const database = new Database(path.join(folder, 'KMI.db'));
  database.prepare('update trouble set isOut = ?').run(isOut);
  database.close();
}

describe('a simulated computing element', () => {
  computeConformance({
    element: () => ({
      slots: 3,
      folder,
      open: suiteElement,
      job: suiteJob,
      ran: () => [],
      left: () => {
        const database = new Database(path.join(folder, 'KMI.db'), { readonly: true });
        const names = database.prepare<[], string>('select name from jobs').pluck().all();
        database.close();
        return names;
      },
      takeAway: async () => {
        setOut(1);
        return async () => setOut(0);
      },
    }),
    lacks: { 'runs-commands': 'what becomes of a job is drawn' },
  });

  it('runs jobs as slots become free, in order, and remembers them in the next process', async () => {
    const jobs = [1, 2, 3].map((job) => jobOf(job));
    const names = jobs.map(({ name }) => name);
    const states = async (): Promise<string[]> =>
      (await element().poll(names)).map(({ state }) => state);
    const [first] = await element().submit(jobs);
    expect(first).toEqual({ name: 'e1.mc.1.1', ceId: 'sim-e1.mc.1.1', refused: '' });
    expect(await states()).toEqual(['queued', 'queued', 'queued']);
    now = 20;
    expect(await states()).toEqual(['running', 'running', 'queued']);
    expect(await element().slots()).toEqual({ total: 2, running: 2, queued: 1 });
    now = 1015;
    expect(await states()).toEqual(['ended', 'ended', 'running']);
    now = 2100;
    expect(await states()).toEqual(['ended', 'ended', 'ended']);
  });

  it('leaves outputs and reports as a wrapper does', async () => {
    const ce = element();
    await ce.submit([jobOf(1)]);
    now = 1100;
    const report = await reportOf(ce, 'e1.mc.1.1');
    expect(report).toMatchObject({
      outcome: 'done',
      exitCode: 0,
      wallSeconds: 3600,
      memoryMB: 1000,
    });
    const path = near.pathOf(report.outputs[0]?.url ?? '') ?? '';
    expect(await near.stat(path)).toMatchObject({ path: pathOf(1), size: 1_000_000 });
    const { payloadReport } = await statusOf(ce, 'e1.mc.1.1');
    expect(payloadReport).toEqual({ events: 1000, problem: '' });
  });

  it('gives the same events the same content, wherever they are made', async () => {
    const ce = element();
    await ce.submit([jobOf(1, 1), jobOf(1, 2), jobOf(2, 1)]);
    now = 5000;
    const sums: unknown[] = [];
    for (const [job, attempt] of [
      [1, 1],
      [1, 2],
      [2, 1],
    ] as const) {
      await statusOf(ce, `e1.mc.${job}.${attempt}`);
      sums.push((await near.stat(pathOf(job, attempt), { checksum: true }))?.adler32);
    }
    expect(sums[0]).toBe(sums[1]);
    expect(sums[0]).not.toBe(sums[2]);
  });

  it.each([
    ['payload-error', 'payload', 1],
    ['payload-crash', 'payload', 139],
    ['environment', 'environment', 1],
    ['input-missing', 'stage-in', null],
    ['node', 'payload', 1],
    ['wall-time', 'wall-limit', 124],
    ['memory', 'memory-limit', 143],
    ['stage-out', 'stage-out', 0],
  ] as const)('shows %s as a real one', async (failure, step, exitCode) => {
    const ce = element(failing({ [failure]: 1 }));
    await ce.submit([jobOf(1)]);
    now = 1100;
    expect(await reportOf(ce, 'e1.mc.1.1')).toMatchObject({ outcome: 'failed', step, exitCode });
    expect(await near.stat(pathOf(1))).toBeNull();
  });

  it('refuses, loses or spoils jobs', async () => {
    const [refusal] = await element(failing({ submission: 1 })).submit([jobOf(1)]);
    expect(refusal?.refused).not.toBe('');
    const loser = element(failing({ lost: 1 }));
    await loser.submit([jobOf(2)]);
    const spoiler = element(failing({ 'bad-output': 1 }));
    await spoiler.submit([jobOf(3)]);
    now = 3000;
    expect(await statusOf(loser, 'e1.mc.2.1')).toMatchObject({ state: 'ended', report: null });
    const { payloadReport } = await statusOf(spoiler, 'e1.mc.3.1');
    expect(payloadReport).toMatchObject({ events: 999 });
  });

  it('enforces the limits of a job', async () => {
    const ce = element();
    const long = jobOf(1, 1, { wallSeconds: 1800 });
    await ce.submit([long]);
    const large = jobOf(2, 1, { memoryMB: 900 });
    await ce.submit([large]);
    now = 600;
    expect(await reportOf(ce, long.name)).toMatchObject({ step: 'wall-limit', wallSeconds: 1800 });
    now = 1100;
    expect(await reportOf(ce, large.name)).toMatchObject({ step: 'memory-limit' });
  });

  it('is one computing element for two processes at once', async () => {
    const [one, other] = [element(), element()];
    const names = ['e1.mc.1.1', 'e1.mc.2.1'];
    const states = async (): Promise<string[][]> => {
      const told = await Promise.all([one.poll(names), other.poll(names)]);
      return told.map((statuses) => statuses.map(({ state }) => state));
    };
    await one.submit([jobOf(1)]);
    await other.submit([jobOf(1), jobOf(2)]);
    expect(await states()).toEqual(Array(2).fill(['queued', 'queued']));
    expect(await one.slots()).toEqual(await other.slots());
    now = 500;
    await one.end(['e1.mc.2.1']);
    expect(await reportOf(other, 'e1.mc.2.1')).toMatchObject({ outcome: 'killed' });
    now = 1100;
    expect(await states()).toEqual(Array(2).fill(['ended', 'ended']));
    await other.forget(names);
    expect(await states()).toEqual(Array(2).fill(['unknown', 'unknown']));
  });

  it('tells the same of a job in the process that has run it and in the next', async () => {
    const ce = element(failing({ 'payload-error': 0.3, lost: 0.2, 'bad-output': 0.2 }));
    const jobs = Array.from({ length: 30 }, (_, i) => jobOf(i + 1));
    const names = jobs.map(({ name }) => name);
    await ce.submit(jobs);
    now = 60_000;
    const told = await ce.poll(names);
    const outcomes = told.map(({ report }) => (report === null ? 'lost' : outcomeOf(report)));
    expect([...new Set(outcomes)].sort()).toEqual(['done', 'failed', 'lost']);
    const next = element(failing({ 'payload-error': 0.3, lost: 0.2, 'bad-output': 0.2 }));
    expect(await next.poll(names)).toEqual(told);
    const part = { head: 0, tail: 1000 };
    for (const name of names) {
      expect(await next.readLog(name, part)).toEqual(await ce.readLog(name, part));
    }
  });

  it('notes which failures befell jobs, and remembers nothing else of those that it has forgotten', async () => {
    const ce = element(failing({ node: 1 }));
    await ce.submit([jobOf(1), jobOf(2)]);
    now = 5000;
    const names = ['e1.mc.1.1', 'e1.mc.2.1'];
    await ce.poll(names);
    const rows = (table: string): unknown[] => {
      const database = new Database(path.join(folder, 'KMI.db'), { readonly: true });
      const found = database.prepare(`select * from ${table}`).all();
      database.close();
      return found;
    };
    expect([rows('jobs').length, rows('recipes').length]).toEqual([2, 1]);
    await ce.forget(names);
    expect([rows('jobs'), rows('recipes')]).toEqual([[], []]);
    expect(rows('injected')).toEqual(names.map((name) => ({ name, failure: 'node' })));
  });

  it('has lost the jobs that a version with other tables remembered', async () => {
    const database = new Database(path.join(folder, 'KMI.db'));
    database.exec(`create table jobs (name text primary key, startedAt integer, endedAt integer, wrapper text);
      create table endings (name text primary key, report text);
      insert into jobs values ('e1.mc.1.1', 0, 1, '{}')`);
    database.close();
    const ce = element();
    expect(await statusOf(ce, 'e1.mc.1.1')).toMatchObject({ state: 'unknown' });
    await ce.submit([jobOf(2)]);
    expect(await statusOf(element(), 'e1.mc.2.1')).toMatchObject({ state: 'queued' });
  });

  it('does not answer during an outage, and its jobs go on', async () => {
    const ce = element({ outages: [{ from: 1800, to: 5400 }] });
    await ce.submit([jobOf(1)]);
    now = 1000;
    await expect(ce.poll(['e1.mc.1.1'])).rejects.toThrow('does not answer');
    await expect(ce.check()).rejects.toThrow('does not answer');
    now = 1600;
    expect(await statusOf(ce, 'e1.mc.1.1')).toMatchObject({ state: 'ended' });
  });

  it('loses every job from the time it dies', async () => {
    const ce = element({ diesAt: 5000 });
    await ce.submit([jobOf(1), jobOf(2), jobOf(3)]);
    now = 3000;
    const reports = (await ce.poll(['e1.mc.1.1', 'e1.mc.3.1'])).map(
      ({ report }) => report !== null,
    );
    expect(reports).toEqual([true, false]);
  });

  it('fails as it was drawn, in every class', async () => {
    const failures = { 'payload-error': 0.2, lost: 0.2, environment: 0.2 };
    const profile = { ...PROFILE, failures };
    const ce = element({ slots: 500, profile });
    const jobs = Array.from({ length: 500 }, (_, i) => jobOf(i + 1));
    await ce.submit(jobs);
    now = 1500;
    const statuses = await ce.poll(jobs.map(({ name }) => name));
    const STEPS: Record<string, string> = {
      payload: 'payload-error',
      environment: 'environment',
      none: 'none',
    };
    for (const [i, { report }] of statuses.entries()) {
      const key = { production: 'mc', job: i + 1, attempt: 1, site: 'KMI' };
      const drawn = fateOf(profile, key, 1000).failure ?? 'none';
      const shown =
        report === null ? 'lost' : typeof report === 'string' ? report : STEPS[report.step];
      expect(shown).toBe(drawn);
    }
  });
});
