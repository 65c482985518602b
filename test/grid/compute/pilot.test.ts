import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { wrapperScript } from '../../../grid/compute/wrapper.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WrappedJob } from '../../../grid/compute/compute-element.js';
import {
  CAME_SECOND,
  forbidStart,
  jobFolder,
  jobPlace,
  LAUNCHER,
} from '../../../grid/compute/local-job.js';
import { LocalComputeElement } from '../../../grid/compute/local.js';
import { Pilot } from '../../../grid/compute/pilot.js';
import { allEnded, jobOf, outcomeOf, processesIn, readOr, until } from './job-fixture.js';

const PILOT = fileURLToPath(new URL('../../../grid/compute/pilot.sh', import.meta.url));

let folder: string;
let elements: LocalComputeElement[];
let pilots: Pilot<Fed>[];

interface Fed {
  readonly name: string;
  readonly place: string;
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-pilot-'));
  elements = [];
  pilots = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const element of elements) await element.close();
  for (const pilot of pilots) await pilot.abandon();
  const left = (): number[] => [...processesIn(folder), ...pilotsOf(spool())];
  await until(() => left().length === 0).catch(() => undefined);
  const found = left();
  for (const pid of found) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  expect(found).toEqual([]);
});

const at = (...names: string[]): string => path.join(folder, ...names);
const spool = (): string => at('spool');

function open(slots: number): LocalComputeElement {
  const element = new LocalComputeElement({ site: 'HERE', slots, folder: spool() });
  elements.push(element);
  return element;
}

/** Living pilots of a spool. */
function pilotsOf(place: string): number[] {
  return processesIn('/').filter((pid) => {
    const words = readOr(`/proc/${pid}/cmdline`).split('\0');
    return words.includes(PILOT) && words.includes(place);
  });
}

/** A job that notes when it begins and ends in `trace`. */
const traced = (name: string, seconds: number): WrappedJob =>
  jobOf(
    name,
    `echo "+ ${name}" >>${at('trace')}; sleep ${seconds}; echo "- ${name}" >>${at('trace')}`,
  );

const trace = (): string[] => {
  const lines = existsSync(at('trace')) ? readFileSync(at('trace'), 'utf8').trim() : '';
  return lines.split('\n');
};

/** The most jobs that ran at once, by the trace. */
function mostAtOnce(): number {
  let [running, most] = [0, 0];
  for (const line of trace()) {
    running += line.startsWith('+') ? 1 : -1;
    most = Math.max(most, running);
  }
  return most;
}

/** Puts a job into the spool as a computing element does. */
function lay(job: WrappedJob): Fed {
  const place = jobFolder(spool(), job.name);
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, 'wrapper.sh'), wrapperScript(job.wrapper));
  return { name: job.name, place: jobPlace(job.name) };
}

/** The wrapper of a job that runs, and the pilot that is its parent. */
function processesOf(name: string): { wrapper: number; pilot: number } {
  const started = readFileSync(path.join(jobFolder(spool(), name), 'wrapper.started'), 'utf8');
  const wrapper = Number(started.split(' ')[0]);
  const stat = readFileSync(`/proc/${wrapper}/stat`, 'utf8');
  return { wrapper, pilot: Number(/\) \S (\d+)/.exec(stat)?.[1]) };
}

describe('a pilot', () => {
  function openPilot(): { pilot: Pilot<Fed>; ends: string[]; gone: string[][] } {
    const ends: string[] = [];
    const gone: string[][] = [];
    const pilot = new Pilot<Fed>(
      { spool: spool(), environment: process.env, single: false },
      {
        ended: (_pilot, job, code) => ends.push(`${job.name} ${code}`),
        gone: (_pilot, jobs) => gone.push(jobs.map(({ name }) => name)),
      },
    );
    pilots.push(pilot);
    return { pilot, ends, gone };
  }

  it('runs what it is fed one after the other, and tells each end', async () => {
    const jobs = [traced('a', 0.1), jobOf('b', 'exit 3'), traced('c', 0)].map(lay);
    const { pilot, ends } = openPilot();
    for (const job of jobs) pilot.feed(job);
    await until(() => ends.length === 3);
    expect(ends).toEqual(['a 0', 'b 1', 'c 0']);
    expect(trace()).toEqual(['+ a', '- a', '+ c', '- c']);
  });

  it('passes over a job that it has been fed and that is ended before it starts, or gone', async () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) =>
      lay(traced(name, name === 'a' ? 0.3 : 0)),
    );
    if (!a || !b || !c || !d) throw new Error('no jobs');
    const { pilot, ends } = openPilot();
    for (const job of [a, b, c, d]) pilot.feed(job);
    await until(() => trace().includes('+ a'));
    expect(await forbidStart(jobFolder(spool(), 'b'))).toBe(true);
    rmSync(jobFolder(spool(), 'c'), { recursive: true });
    await until(() => ends.length === 4);
    expect(ends).toEqual(['a 0', `b ${CAME_SECOND}`, `c ${CAME_SECOND}`, 'd 0']);
    expect(trace()).toEqual(['+ a', '- a', '+ d', '- d']);
  });

  it('gives back what it was fed when it is killed, and its present job goes on', async () => {
    const jobs = [traced('a', 0.4), traced('b', 0)].map(lay);
    const { pilot, ends, gone } = openPilot();
    for (const job of jobs) pilot.feed(job);
    await until(() => trace().includes('+ a'));
    process.kill(processesOf('a').pilot, 'SIGKILL');
    await until(() => gone.length === 1);
    expect([ends, gone]).toEqual([[], [['a', 'b']]]);
    await until(() => trace().includes('- a'));
    expect(trace()).toEqual(['+ a', '- a']);
  });

  it('ends when it has nothing to do and is told to finish', async () => {
    const { pilot, gone } = openPilot();
    pilot.finish();
    await until(() => gone.length === 1);
    expect(gone).toEqual([[]]);
  });
});

describe('the slots', () => {
  it('are never exceeded by jobs so short that they are fed ahead', async () => {
    const ce = open(2);
    const jobs = Array.from({ length: 40 }, (_, i) => traced(`e1.p.${i}.1`, 0));
    await ce.submit(jobs);
    const statuses = await allEnded(
      ce,
      jobs.map(({ name }) => name),
    );
    expect(new Set(statuses.map(outcomeOf))).toEqual(new Set(['done']));
    expect(trace()).toHaveLength(80);
    expect(mostAtOnce()).toBe(2);
    expect(pilotsOf(spool()).length).toBeLessThanOrEqual(2);
    await ce.close();
    expect(pilotsOf(spool())).toEqual([]);
  });

  it('hold across an owner that was killed while jobs ran and others were fed', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const jobs = names.map((name) => traced(name, 0.4));
    const fed = jobs.map(lay).map(({ place }) => place);
    // What an element does, without its TypeScript: two pilots, each with a job at work and one ahead.
    const owner = spawn(
      process.execPath,
      [
        '-e',
        `const fed = ${JSON.stringify(fed)};
        for (const i of [0, 1]) {
          const pilot = require('node:child_process').spawn('/bin/sh', [${JSON.stringify(PILOT)}, ${JSON.stringify(LAUNCHER)},
            String(process.pid), ${JSON.stringify(spool())}], { cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
          pilot.stdin.write('0 ' + fed[i] + '\\n0 ' + fed[i + 2] + '\\n');
        }`,
      ],
      { stdio: 'ignore' },
    );
    await until(() => trace().length === 2);
    owner.kill('SIGKILL');
    const ce = open(2);
    expect((await ce.poll(names)).map(({ state }) => state)).toEqual([
      'running',
      'running',
      'queued',
      'queued',
    ]);
    const statuses = await allEnded(ce, names);
    expect(statuses.map(outcomeOf)).toEqual(['done', 'done', 'done', 'done']);
    expect(trace()).toHaveLength(8);
    expect(mostAtOnce()).toBe(2);
    await until(() => pilotsOf(spool()).length <= 2);
  });

  it('come back when a pilot is killed, whose job is adopted', async () => {
    const ce = open(1);
    const jobs = [traced('a', 0.5), traced('b', 0)];
    await ce.submit(jobs);
    await until(() => trace().includes('+ a'));
    process.kill(processesOf('a').pilot, 'SIGKILL');
    const statuses = await allEnded(ce, ['a', 'b']);
    expect(statuses.map(outcomeOf)).toEqual(['done', 'done']);
    expect(trace()).toEqual(['+ a', '- a', '+ b', '- b']);
    expect(await ce.slots()).toEqual({ total: 1, running: 0, queued: 0 });
  });

  it('come back when a pilot is killed together with its job, which is lost', async () => {
    const ce = open(1);
    await ce.submit([traced('a', 50), traced('b', 0)]);
    await until(() => trace().includes('+ a'));
    const { pilot, wrapper } = processesOf('a');
    process.kill(pilot, 'SIGKILL');
    process.kill(wrapper, 'SIGKILL');
    const statuses = await allEnded(ce, ['a', 'b']);
    expect(statuses.map(outcomeOf)).toEqual(['no report', 'done']);
    expect(trace()).toEqual(['+ a', '+ b', '- b']);
  });

  it('work where the machine has no setsid', async () => {
    const tools = ['sh', 'timeout', 'sleep', 'date', 'rm', 'mkdir'];
    mkdirSync(at('bin'));
    for (const tool of tools) {
      const found = ['/bin', '/usr/bin']
        .map((place) => path.join(place, tool))
        .find((file) => existsSync(file));
      if (found !== undefined) symlinkSync(found, at('bin', tool));
    }
    vi.stubEnv('PATH', at('bin'));
    const ce = open(2);
    const jobs = Array.from({ length: 6 }, (_, i) => traced(`e1.p.${i}.1`, 0.05));
    const long = traced('e1.p.9.1', 50);
    await ce.submit([long, ...jobs]);
    const statuses = await allEnded(
      ce,
      jobs.map(({ name }) => name),
    );
    expect(new Set(statuses.map(outcomeOf))).toEqual(new Set(['done']));
    expect(mostAtOnce()).toBe(2);
    await ce.end([long.name]);
    expect((await ce.poll([long.name])).map(outcomeOf)).toEqual(['killed']);
  });
});
