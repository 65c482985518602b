import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { wrapperScript } from '../../../grid/compute/wrapper.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CeStatus, WrappedJob } from '../../../grid/compute/compute-element.js';
import { LAUNCHER, jobFolder } from '../../../grid/compute/local-job.js';
import { LocalComputeElement } from '../../../grid/compute/local.js';
import { allEnded, jobOf, outcomeOf, processesIn, readOr, until } from './job-fixture.js';

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

  it('runs a job once, however often it is submitted, by however many elements on the folder', async () => {
    const first = open(2);
    const second = open(2);
    const jobs = jobsOf(6, (i) => `echo ${i} >>${at('trace')}; sleep 0.05`);
    await Promise.all([first.submit(jobs), second.submit(jobs), first.submit(jobs)]);
    await Promise.all([allEnded(first, namesOf(jobs)), allEnded(second, namesOf(jobs))]);
    expect(readFileSync(at('trace'), 'utf8').trim().split('\n').sort()).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
    ]);
  });

  it('hands back the payload report and the end of the log, and then forgets all', async () => {
    const ce = open();
    const job = jobOf('e1.p.1.1', `echo '{"events": 5}' >fabrica-report.json; seq 100000`);
    await ce.submit([job]);
    const [status] = await allEnded(ce, [job.name]);
    expect(status?.payloadReport).toBe('{"events": 5}\n');
    expect(status?.startedAt).toBeGreaterThan(Date.now() - 60_000);
    expect(status?.endedAt).toBeGreaterThanOrEqual(status?.startedAt ?? Infinity);
    const log = await ce.readLog(job.name, { head: 4, tail: 10 });
    expect(log?.tail.toString()).toBe('99\n100000\n');
    expect(log?.head.toString()).toBe('1\n2\n');
    expect(log?.size).toBe(588_895);
    await ce.forget([job.name]);
    expect(existsSync(jobFolder(spool(), job.name))).toBe(false);
    expect(await statusOf(ce, job.name)).toMatchObject({ state: 'unknown', report: null });
    expect(await ce.readLog(job.name, { head: 0, tail: 10 })).toBeNull();
  });

  it('neither follows nor waits for what a payload puts in place of its files', async () => {
    const ce = open();
    writeFileSync(at('secret'), 'secret');
    const job = jobOf(
      'e1.p.1.1',
      `mkfifo fabrica-report.json; mv log x; ln -s ${at('secret')} log`,
    );
    await ce.submit([job]);
    const [status] = await allEnded(ce, [job.name]);
    expect(status?.payloadReport).toBeNull();
    expect(await ce.readLog(job.name, { head: 0, tail: 100 })).toBeNull();
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

  it('leaves running jobs alone when it is told to forget them', async () => {
    const ce = open();
    await ce.submit([jobOf('e1.p.1.1', 'sleep 0.3')]);
    await ce.forget(['e1.p.1.1', 'e1.p.never.1']);
    const [status] = await allEnded(ce, ['e1.p.1.1']);
    expect(status && outcomeOf(status)).toBe('done');
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

  it('refuses names that can not be folders', async () => {
    const ce = open();
    const [submission] = await ce.submit([{ ...jobOf('x', 'true'), name: '../x' }]);
    expect(submission?.refused).not.toBe('');
    expect(await statusOf(ce, '../x')).toMatchObject({ state: 'unknown' });
    await ce.end(['../x']);
    expect(existsSync(at('x'))).toBe(false);
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
  it('ends running and queued jobs, and frees their slots', async () => {
    const ce = open(1);
    const jobs = jobsOf(3, (i) => `echo ${i} >>${at('trace')}; sleep ${i === 0 ? 55 : 0}`);
    await ce.submit(jobs);
    await until(() => existsSync(at('trace')));
    await ce.end(['e1.p.0.1', 'e1.p.1.1']);
    const statuses = await allEnded(ce, namesOf(jobs));
    expect(statuses.map(outcomeOf)).toEqual(['killed', 'no report', 'done']);
    expect(statuses[1]).toMatchObject({ state: 'withdrawn', startedAt: null });
    expect(readFileSync(at('trace'), 'utf8')).toBe('0\n2\n');
  });

  it('keeps a job from ever starting that comes to be submitted later', async () => {
    const ce = open();
    await ce.end(['e1.p.9.1']);
    const job = jobOf('e1.p.9.1', `touch ${at('ran')}`);
    const other = open();
    const [submission] = await other.submit([job]);
    expect(submission).toMatchObject({
      ceId: '',
      refused: 'the job was ended before it could start',
      withdrawn: true,
    });
    await ce.submit([job, jobOf('e1.p.10.1', 'true')]);
    await allEnded(ce, ['e1.p.10.1']);
    expect(await statusOf(other, job.name)).toMatchObject({ state: 'withdrawn', report: null });
    expect(existsSync(at('ran'))).toBe(false);
  });

  it('withdraws what has not started, and leaves alone what runs', async () => {
    const ce = open(1);
    const jobs = jobsOf(3, (i) => `echo ${i} >>${at('trace')}; sleep ${i === 0 ? 1 : 0}`);
    await ce.submit(jobs);
    await until(() => existsSync(at('trace')));
    const names = [...namesOf(jobs), 'e1.p.9.1'];
    expect(await ce.withdraw(names)).toEqual(['e1.p.1.1', 'e1.p.2.1', 'e1.p.9.1']);
    expect(await ce.withdraw(names)).toEqual(['e1.p.1.1', 'e1.p.2.1', 'e1.p.9.1']);
    const statuses = await allEnded(ce, namesOf(jobs));
    expect(statuses.map(({ state }) => state)).toEqual(['ended', 'withdrawn', 'withdrawn']);
    expect(readFileSync(at('trace'), 'utf8')).toBe('0\n');
    const after = open(1);
    expect(await statusOf(after, 'e1.p.2.1')).toMatchObject({ state: 'withdrawn' });
    await after.forget(names);
    expect(await statusOf(after, 'e1.p.2.1')).toMatchObject({ state: 'unknown' });
  });

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

describe('retire', () => {
  const old = 'e1000000';
  const now = 'e2000000';

  it('ends what is of another epoch, whatever it does, and lets the present one run', async () => {
    const element = open(2);
    const names = ['p.1.1', 'p.2.1', 'p.3.1'].map((rest) => `${old}.${rest}`);
    await element.submit(names.map((name) => jobOf(name, 'sleep 60')));
    const mine = `${now}.p.1.1`;
    await until(async () => (await element.slots()).running === 2);
    expect(await element.retire(now)).toBe(3);
    // What has been killed may take a moment to be gone.
    await until(() => processesIn(folder).length === 0);
    for (const name of names) {
      expect(await statusOf(element, name)).toMatchObject({ state: 'unknown' });
    }
    await element.submit([jobOf(mine, 'sleep 0.2')]);
    expect(await element.retire(now)).toBe(0);
    const [status] = await allEnded(element, [mine]);
    expect(status && outcomeOf(status)).toBe('done');
  });

  it('takes no job of an earlier epoch any more, in a later process neither', async () => {
    const element = open();
    await element.retire(now);
    const late = jobOf(`${old}.p.9.1`, 'sleep 60');
    const refused = { ceId: '', refused: 'the job is of an earlier epoch' };
    expect(await element.submit([late])).toMatchObject([refused]);
    await element.close();
    const next = open();
    expect(await next.submit([late])).toMatchObject([refused]);
    expect(await next.submit([jobOf(`${now}.p.9.1`, 'true')])).toMatchObject([{ refused: '' }]);
    await allEnded(next, [`${now}.p.9.1`]);
  });

  it('leaves nothing of what is submitted at the same time', async () => {
    const element = open(20);
    const jobs = Array.from({ length: 60 }, (_, i) => jobOf(`${old}.p.${i}.1`, 'sleep 60'));
    await Promise.all([element.submit(jobs), element.retire(now)]);
    await element.retire(now);
    expect(processesIn(folder)).toEqual([]);
    expect(await element.slots()).toMatchObject({ running: 0, queued: 0 });
  });
});
