import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { wrapperScript } from '../../../grid/compute/wrapper.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CeStatus, WrappedJob } from '../../../grid/compute/compute-element.js';
import { LAUNCHER, jobFolder } from '../../../grid/compute/local-job.js';
import { LocalComputeElement } from '../../../grid/compute/local.js';
import { computeConformance } from './compute-conformance.js';
import {
  allEnded,
  attemptOf,
  jobOf,
  outcomeOf,
  processesIn,
  readOr,
  until,
} from './job-fixture.js';

let folder: string;
let elements: LocalComputeElement[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-local-'));
  elements = [];
});

afterEach(async () => {
  for (const element of elements) await element.close();
  // What has been killed may take a moment to be gone.
  await until(() => processesIn(folder).length === 0).catch(() => undefined);
  const left = processesIn(folder);
  for (const pid of left) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

const at = (...names: string[]): string => path.join(folder, ...names);
const spool = (): string => at('spool');

function open(slots = 2): LocalComputeElement {
  const element = new LocalComputeElement({ site: 'HERE', slots, folder: spool() });
  elements.push(element);
  return element;
}

const jobsOf = (count: number, command: (index: number) => string): WrappedJob[] =>
  Array.from({ length: count }, (_, index) => jobOf(`e1.p.${index}.1`, command(index)));

const namesOf = (jobs: readonly WrappedJob[]): string[] => jobs.map(({ name }) => name);

async function statusOf(element: LocalComputeElement, name: string): Promise<CeStatus> {
  const [status] = await element.poll([name]);
  if (status === undefined) throw new Error('no status');
  return status;
}

describe('a local computing element', () => {
  computeConformance({
    element: () => ({
      slots: 2,
      folder,
      open: () => open(2),
      job: (name, doing = {}) => attemptOf(name, doing, at('ran')),
      ran: () => (existsSync(at('ran')) ? readFileSync(at('ran'), 'utf8').trim().split('\n') : []),
      left: () =>
        readdirSync(spool())
          .filter((shard) => /^[0-9a-f]{2}$/.test(shard))
          .flatMap((shard) => readdirSync(path.join(spool(), shard))),
      takeAway: async () => {
        renameSync(spool(), at('elsewhere'));
        writeFileSync(spool(), '');
        return async () => {
          rmSync(spool());
          renameSync(at('elsewhere'), spool());
        };
      },
    }),
    lacks: {},
  });

  it('runs jobs in the order of their submission, at most as many as it has slots', async () => {
    const ce = open(2);
    const jobs = jobsOf(
      8,
      (i) => `echo + ${i} >>${at('trace')}; sleep 0.1; echo - >>${at('trace')}`,
    );
    const submissions = await ce.submit(jobs);
    expect(submissions.map(({ name, refused }) => [name, refused])).toEqual(
      jobs.map(({ name }) => [name, '']),
    );
    expect(await ce.slots()).toEqual({ total: 2, running: 2, queued: 6 });
    const statuses = await allEnded(ce, namesOf(jobs));
    expect(statuses.map(outcomeOf)).toEqual(jobs.map(() => 'done'));
    const trace = readFileSync(at('trace'), 'utf8').trim().split('\n');
    let running = 0;
    for (const line of trace) {
      running += line.startsWith('+') ? 1 : -1;
      expect(running).toBeLessThanOrEqual(2);
    }
    const order = trace.filter((line) => line.startsWith('+')).map((line) => Number(line.slice(2)));
    for (const [position, index] of order.entries()) {
      expect(Math.abs(position - index)).toBeLessThanOrEqual(1);
    }
    expect(await ce.slots()).toEqual({ total: 2, running: 0, queued: 0 });
  });

  it('kills what a payload has put into a session of its own, when it forgets the job', async () => {
    const ce = open();
    const job = jobOf('e1.p.1.1', `cd ${folder}; setsid sleep 61 >/dev/null 2>&1 & sleep 0.2`);
    await ce.submit([job]);
    await allEnded(ce, [job.name]);
    expect(processesIn(folder)).toHaveLength(1);
    await ce.forget([job.name]);
    await until(() => processesIn(folder).length === 0);
  });

  it('forgets what another element has seen end, though it has not noticed that itself', async () => {
    const first = open(1);
    const second = open(1);
    const jobs = [jobOf('e1.p.1.1', 'sleep 0.3'), jobOf('e1.p.2.1', 'true')];
    const names = namesOf(jobs);
    await first.submit(jobs);
    await until(async () => (await statusOf(first, 'e1.p.1.1')).state === 'running');
    // It takes the one for running, and the other one for queued; it looks at the first every half a second.
    await second.poll(names);
    await allEnded(first, names);
    await second.forget(names);
    for (const name of names) expect(existsSync(jobFolder(spool(), name))).toBe(false);
    expect(await second.slots()).toEqual({ total: 1, running: 0, queued: 0 });
    await first.forget(names);
    expect((await statusOf(first, 'e1.p.1.1')).state).toBe('unknown');
  });

  it('says FABRICA_COMPUTE_SUBMISSION when its spool can not be used', async () => {
    const good = open();
    await expect(good.check()).resolves.toBeUndefined();
    writeFileSync(at('file'), '');
    const bad = new LocalComputeElement({ site: 'HERE', slots: 1, folder: at('file', 'spool') });
    await expect(bad.check()).rejects.toMatchObject({ code: 'FABRICA_COMPUTE_SUBMISSION' });
    await bad.close();
  });

  it('tells each of its waiters, and each of them once, that a job has ended', async () => {
    const ce = open();
    const [one, two] = [new AbortController(), new AbortController()];
    await ce.submit([jobOf('e1.p.1.1', 'true')]);
    await Promise.all([ce.changed(5000, one.signal), ce.changed(5000, two.signal)]);
    expect(await statusOf(ce, 'e1.p.1.1')).toMatchObject({ state: 'ended' });
    await ce.submit([jobOf('e1.p.2.1', 'true')]);
    await ce.changed(5000, one.signal);
    const begun = performance.now();
    await ce.changed(5000, two.signal);
    expect(performance.now() - begun).toBeLessThan(1000);
    let told = false;
    const waiting = ce.changed(5000, one.signal).then(() => (told = true));
    await ce.changed(100, two.signal);
    expect(told).toBe(false);
    one.abort();
    await waiting;
  });
});

describe('after another process took over', () => {
  it('finds running, ended and queued jobs again, and goes on with them', async () => {
    const before = open(1);
    const jobs = jobsOf(4, (i) => `echo ${i} >>${at('trace')}; sleep 0.4`);
    await before.submit(jobs);
    await until(async () => (await before.poll(['e1.p.1.1']))[0]?.state === 'running');
    await until(() => readOr(at('trace')).includes('1'));
    await before.close();

    const after = open(1);
    const states = (await after.poll(namesOf(jobs))).map(({ state }) => state);
    expect(states).toEqual(['ended', 'running', 'queued', 'queued']);
    expect(await after.slots()).toEqual({ total: 1, running: 1, queued: 2 });
    const statuses = await allEnded(after, namesOf(jobs));
    expect(statuses.map(outcomeOf)).toEqual(['done', 'done', 'done', 'done']);
    expect(readFileSync(at('trace'), 'utf8')).toBe('0\n1\n2\n3\n');
  });

  it('loses nothing of a process that was killed while its jobs ran', async () => {
    // What a worker does, without its TypeScript: a launcher in a session of its own, its parent killed.
    const job = jobOf(
      'e1.p.1.1',
      `echo run >>${at('trace')}; sleep 0.5; echo '{"events": 3}' >fabrica-report.json`,
    );
    const place = jobFolder(spool(), job.name);
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, 'wrapper.sh'), wrapperScript(job.wrapper));
    const worker = spawn(
      process.execPath,
      [
        '-e',
        `require('node:child_process').spawn('/bin/sh', ['-c', ${JSON.stringify(LAUNCHER)}, 'w', '1'],
          { cwd: ${JSON.stringify(place)}, detached: true, stdio: 'ignore' }); setInterval(() => {}, 1000);`,
      ],
      { stdio: 'ignore' },
    );
    await until(() => existsSync(at('trace')));
    worker.kill('SIGKILL');
    const ce = open(1);
    expect(await statusOf(ce, job.name)).toMatchObject({ state: 'running' });
    const [status] = await allEnded(ce, [job.name]);
    expect(status && outcomeOf(status)).toBe('done');
    expect(status?.payloadReport).toBe('{"events": 3}\n');
    expect(readFileSync(at('trace'), 'utf8')).toBe('run\n');
  });

  it('does not take another process of the same number for its job', async () => {
    const job = jobOf('e1.p.1.1', 'true');
    const place = jobFolder(spool(), job.name);
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, 'wrapper.sh'), wrapperScript(job.wrapper));
    writeFileSync(path.join(place, 'wrapper.started'), `${process.pid} 1\n`);
    const ce = open(1);
    expect(await statusOf(ce, job.name)).toMatchObject({ state: 'ended', report: null });
    await ce.end([job.name]);
    expect(await ce.slots()).toMatchObject({ running: 0 });
  });
});

describe('ending', () => {
  it('ends an adopted job, too', async () => {
    const before = open(1);
    await before.submit([jobOf('e1.p.1.1', `touch ${at('ran')}; sleep 54`)]);
    await until(() => existsSync(at('ran')));
    await before.close();
    const after = open(1);
    await after.end(['e1.p.1.1']);
    const status = await statusOf(after, 'e1.p.1.1');
    expect(outcomeOf(status)).toBe('killed');
  });

  it('kills what a wrapper leaves that is killed itself, and tells that there is no report', async () => {
    const ce = open(1);
    await ce.submit([
      jobOf('e1.p.1.1', `timeout 50 sleep 53 & echo $PPID >${at('pid')}; sleep 52`),
    ]);
    await until(() => readOr(at('pid')).endsWith('\n'));
    const started = path.join(jobFolder(spool(), 'e1.p.1.1'), 'wrapper.started');
    process.kill(Number(readFileSync(started, 'utf8').split(' ')[0]), 'SIGKILL');
    const [status] = await allEnded(ce, ['e1.p.1.1']);
    expect(status).toMatchObject({ state: 'ended', report: null });
    await until(() => processesIn(spool()).length === 0);
  });
});
