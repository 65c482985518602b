import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../domain/clock.js';
import { silentLog } from '../../domain/log.js';
import type { CeJob, CeStatus, ComputeElement } from '../../grid/compute/compute-element.js';
import type { SlurmSubmission } from '../../grid/compute/slurm/client.js';
import { SlurmComputeElement } from '../../grid/compute/slurm/element.js';
import { computeConformance, type Doing } from '../grid/compute/compute-conformance.js';
import { allEnded, attemptOf, outcomeOf } from '../grid/compute/job-fixture.js';
import { startSlurm, type SlurmServer } from '../servers/slurm.js';

const CPUS = 16;
const MAX_ARRAY_SIZE = 1001;
/** Of all jobs that Slurm remembers: some are those of the tests before. */
const MAX_JOBS = 13_000;

let slurm: SlurmServer;
let folder: string;
let elements: ComputeElement[];

beforeAll(async () => {
  slurm = await startSlurm({
    ...{ cpus: CPUS, maxArraySize: MAX_ARRAY_SIZE, maxJobs: MAX_JOBS },
  });
  Object.assign(process.env, slurm.environment);
  console.log(`Slurm: ${slurm.version}`);
});
afterAll(async () => {
  await slurm.end();
  delete process.env['SLURM_CONF'];
});
beforeEach(() => {
  folder = mkdtempSync(path.join(slurm.folder, 'site-'));
  elements = [];
});
afterEach(async () => {
  for (const element of elements) await element.close();
  slurm.run('scancel', '--me');
  await until(() => slurm.run('squeue', '-h') === '');
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]): string => path.join(folder, ...names);
const spool = (): string => at('spool');

function open(submission: Partial<SlurmSubmission> = {}): SlurmComputeElement {
  const element = new SlurmComputeElement({
    ...{ site: 'HERE', slots: CPUS, folder: spool(), clock: systemClock, log: silentLog },
    ...{ submission: { options: [], ...submission }, patience: 2000, look: 200 },
  });
  elements.push(element);
  return element;
}

const job = (name: string, doing: Doing = {}): CeJob => attemptOf(name, doing, at('ran'));
const jobsOf = (count: number, doing: Doing = {}): CeJob[] =>
  Array.from({ length: count }, (_, i) => job(`e1000000.p.${i + 1}.1`, doing));
const namesOf = (jobs: readonly CeJob[]): string[] => jobs.map(({ name }) => name);
const ran = (): string[] =>
  existsSync(at('ran')) ? readFileSync(at('ran'), 'utf8').trim().split('\n').sort() : [];

async function statusOf(element: ComputeElement, name: string): Promise<CeStatus> {
  const [status] = await element.poll([name]);
  if (status === undefined) throw new Error('no status');
  return status;
}

/** Fails after half a minute: a node takes its time to come back to a controller. */
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  await vi.waitUntil(condition, { timeout: 30_000, interval: 50 });
};

async function untilState(
  element: ComputeElement,
  name: string,
  state: CeStatus['state'],
): Promise<CeStatus> {
  await until(async () => (await statusOf(element, name)).state === state);
  return statusOf(element, name);
}

/** Slurm's names of the arrays that it has queued or running. */
const arraysThere = (): string[] => [
  ...new Set(slurm.run('squeue', '-h', '-o', '%j').split('\n').filter(Boolean)),
];

describe('a computing element of Slurm', () => {
  computeConformance({
    element: () => ({
      ...{ slots: CPUS, folder, open: () => open(), job, ran },
      left: () =>
        readdirSync(spool()).flatMap((name) => {
          if (name === 'ended') return readdirSync(path.join(spool(), name));
          return /^\d/.test(name) ? [name] : [];
        }),
      takeAway: async () => {
        const bringBack = slurm.freeze();
        return async () => bringBack();
      },
    }),
    lacks: {},
    pollLimit: 1000,
    patience: 60_000,
  });

  it('divides what is more than an array may hold', async () => {
    const ce = open();
    const jobs = jobsOf(MAX_ARRAY_SIZE + 200);
    const answers = await ce.submit(jobs);
    expect(answers.filter(({ refused }) => refused !== '')).toEqual([]);
    expect(new Set(answers.map(({ ceId }) => ceId)).size).toBe(jobs.length);
    expect(new Set(answers.map(({ ceId }) => ceId.split('_')[0])).size).toBe(2);
    await ce.end(namesOf(jobs));
    await ce.forget(namesOf(jobs));
  });

  it.each([
    [{ partition: 'none' }, /Invalid partition/],
    [{ options: ['--mem=100T'] }, /./],
    [{ options: ['--nonsense'] }, /unrecognized option/],
  ])('refuses what Slurm refuses, with its words: %j', async (submission, words) => {
    const ce = open(submission);
    const [one, other] = await ce.submit(jobsOf(2));
    expect(one).toMatchObject({ ceId: '', refused: expect.stringMatching(words) as string });
    expect(other?.refused).toBe(one?.refused);
    expect(readdirSync(spool()).filter((name) => /^\d/.test(name))).toEqual([]);
    expect(await statusOf(ce, 'e1000000.p.1.1')).toMatchObject({ state: 'unknown' });
  });

  it.each(['none', 'closed'])(
    'does not check with a partition that takes no jobs: %s',
    async (partition) => {
      await expect(open({ partition }).check()).rejects.toThrow(/partition/);
    },
  );

  it('gives the job the environment of the site worker, and Slurm its limits', async () => {
    const ce = open({ options: ['--nice=10'] });
    await ce.submit([job('e1000000.p.1.1', { seconds: 20, wallSeconds: 7200, memoryMB: 2000 })]);
    await untilState(ce, 'e1000000.p.1.1', 'running');
    const told = slurm.run('scontrol', 'show', 'job');
    // An hour and a tenth more than the two, and 2400 MB.
    expect(told).toMatch(/TimeLimit=03:12:00/);
    expect(told).toMatch(/MinMemoryNode=2289M/);
    expect(told).toMatch(/Requeue=0/);
    expect(told).toMatch(/Comment=Fabrica HERE: 1 jobs from e1000000\.p\.1\.1/);
    await ce.end(['e1000000.p.1.1']);
  });
});

/** Puts a script in the place of a command; in it, `real` is the command itself. */
async function withCommand(name: string, script: string, act: () => Promise<void>): Promise<void> {
  const before = process.env['PATH'] ?? '';
  const real = slurm.run('sh', '-c', `command -v ${name}`).trim();
  mkdirSync(at('bin'), { recursive: true });
  writeFileSync(at('bin', name), `#!/bin/sh\nreal=${real}\n${script}\n`);
  chmodSync(at('bin', name), 0o755);
  process.env['PATH'] = `${at('bin')}:${before}`;
  try {
    await act();
  } finally {
    process.env['PATH'] = before;
    rmSync(at('bin', name));
  }
}

const TRANSIENT = { code: 'FABRICA_COMPUTE_SUBMISSION', retryable: true };

describe('an answer of Slurm that is lost', () => {
  it('is found by the next submission: jobs that Slurm has taken run once', async () => {
    const ce = open();
    const jobs = jobsOf(10, { seconds: 1 });
    const lose = '"$real" "$@" >/dev/null; echo "sbatch: error: Socket timed out" >&2; exit 1';
    await withCommand('sbatch', lose, async () => {
      await expect(ce.submit(jobs)).rejects.toMatchObject(TRANSIENT);
    });
    const answers = await ce.submit(jobs);
    expect(answers.map(({ refused }) => refused)).toEqual(jobs.map(() => ''));
    expect(arraysThere()).toHaveLength(1);
    expect((await allEnded(ce, namesOf(jobs))).map(outcomeOf)).toEqual(jobs.map(() => 'done'));
    expect(ran()).toEqual(namesOf(jobs).sort());
  });

  it('is no loss where Slurm has not heard: the jobs are submitted then', async () => {
    const ce = open();
    const jobs = jobsOf(10);
    await withCommand('sbatch', 'echo "sbatch: error: Socket timed out" >&2; exit 1', async () => {
      await expect(ce.submit(jobs)).rejects.toMatchObject(TRANSIENT);
    });
    const next = open();
    expect((await next.submit(jobs)).map(({ refused }) => refused)).toEqual(jobs.map(() => ''));
    await allEnded(next, namesOf(jobs));
    expect(ran()).toEqual(namesOf(jobs).sort());
  });

  it('and submitted twice to Slurm, jobs run once all the same', async () => {
    const ce = open();
    const jobs = jobsOf(20, { seconds: 0.2 });
    await withCommand('sbatch', '"$real" "$@" >/dev/null; exec "$real" "$@"', async () => {
      await ce.submit(jobs);
    });
    expect((await allEnded(ce, namesOf(jobs))).map(outcomeOf)).toEqual(jobs.map(() => 'done'));
    expect(ran()).toEqual(namesOf(jobs).sort());
    await ce.forget(namesOf(jobs));
  });

  it('is one when the controller is killed between taking jobs and telling so', async () => {
    const ce = open();
    const jobs = jobsOf(10);
    await withCommand(
      'sbatch',
      `"$real" "$@" >/dev/null; touch ${at('taken')}; sleep 1; exit 1`,
      async () => {
        const submission = expect(ce.submit(jobs)).rejects.toMatchObject(TRANSIENT);
        await until(() => existsSync(at('taken')));
        await slurm.kill();
        await submission;
        await expect(ce.poll(namesOf(jobs))).rejects.toMatchObject(TRANSIENT);
      },
    );
    await slurm.start();
    expect((await ce.submit(jobs)).map(({ refused }) => refused)).toEqual(jobs.map(() => ''));
    expect((await allEnded(ce, namesOf(jobs))).map(outcomeOf)).toEqual(jobs.map(() => 'done'));
    expect(ran()).toEqual(namesOf(jobs).sort());
  });

  // A longer run: FABRICA_SLURM_ROUNDS=10
  const rounds = Number(process.env['FABRICA_SLURM_ROUNDS'] ?? 1);
  it(`is found after a SIGKILL of the process that submits, at any moment (${rounds} rounds of 10 bundles)`, async () => {
    for (let round = 0; round < rounds; round++) {
      const bundles = Array.from({ length: 10 }, (_, bundle) =>
        Array.from({ length: 5 }, (__, i) => job(`e1000000.r${round}.${bundle * 5 + i + 1}.1`)),
      );
      // The first dies with its answer, the others whenever it happens to be.
      const [first = [], ...others] = bundles;
      await withCommand('sbatch', '"$real" "$@" >/dev/null; kill -9 $PPID', () =>
        submitAndDie([first]),
      );
      await submitAndDie(others, 20 + 40 * (round + Math.random()));
      const ce = open();
      for (const bundle of bundles) {
        const answers = await ce.submit(bundle);
        expect(answers.map(({ refused }) => refused)).toEqual(bundle.map(() => ''));
      }
      await allEnded(ce, bundles.flatMap(namesOf));
      await ce.forget(bundles.flatMap(namesOf));
    }
    const submitted = Array.from({ length: rounds }, (_, round) =>
      Array.from({ length: 50 }, (__, i) => `e1000000.r${round}.${i + 1}.1`),
    ).flat();
    expect(ran()).toEqual(submitted.sort());
    expect(readdirSync(spool()).filter((name) => /^\d/.test(name))).toEqual([]);
  }, 120_000);

  /** Submits bundles from a process of its own, which is killed after a time, or kills itself. */
  async function submitAndDie(bundles: readonly CeJob[][], after?: number): Promise<void> {
    const program = `
      import { SlurmComputeElement } from ${JSON.stringify(path.resolve('dist/grid/compute/slurm/element.js'))};
      const quiet = () => undefined;
      const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
      const ce = new SlurmComputeElement({ site: 'HERE', slots: 4, folder: ${JSON.stringify(spool())},
        submission: { options: [] }, clock: { now: Date.now }, log });
      await ce.slots();
      process.stdout.write('ready');
      for (const bundle of ${JSON.stringify(bundles)}) await ce.submit(bundle);
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('exit', (_, signal) => resolve(signal)),
    );
    await new Promise((resolve) => child.stdout.once('data', resolve));
    if (after !== undefined) {
      await sleep(after);
      child.kill('SIGKILL');
    }
    expect(await ended).toBe('SIGKILL');
  }
});

describe('what befalls jobs of Slurm', () => {
  it('a job that somebody else cancels is told as ended at the site, whether it ran or waited', async () => {
    const ce = open();
    const jobs = jobsOf(CPUS + 1, { seconds: 30 });
    await ce.submit(jobs);
    await until(async () => (await ce.slots()).running === CPUS);
    await until(() => ran().length === CPUS);
    slurm.run('scancel', '--me');
    const statuses = await allEnded(ce, namesOf(jobs));
    const told = statuses.map(
      (status) => `${status.state}, ${status.symptom?.step}: ${JSON.stringify(status.report)}`,
    );
    for (const one of told) expect(one).toMatch(/^ended, (killed|vanished):/);
    // Those that ran had the time to write reports; of the one that waited Slurm may remember nothing.
    expect(told.filter((one) => one.includes('outcome')).length).toBeGreaterThan(CPUS / 2);
    expect(told.filter((one) => one.startsWith('ended, vanished')).length).toBeLessThan(2);
    await ce.forget(namesOf(jobs));
    expect(readdirSync(spool()).filter((name) => /^\d/.test(name))).toEqual([]);
  });

  it('a job whose node fails is told as such', async () => {
    const ce = open();
    await ce.submit([job('e1000000.p.1.1', { seconds: 60 })]);
    await untilState(ce, 'e1000000.p.1.1', 'running');
    const node = slurm.run('sinfo', '-h', '-o', '%N').split('\n')[0] ?? '';
    slurm.run('scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=test');
    const status = await untilState(ce, 'e1000000.p.1.1', 'ended');
    // It may have come back by itself, at its next word to the controller.
    const stateOf = (): string => slurm.run('sinfo', '-h', '-o', '%t').trim();
    if (stateOf().startsWith('down')) {
      slurm.run('scontrol', 'update', `nodename=${node}`, 'state=resume');
    }
    await until(() => /^(idle|mix)/.test(stateOf()));
    expect(status.symptom).toMatchObject({
      step: 'killed',
      reason: expect.stringMatching(/its node failed.*NODE_FAIL/) as string,
    });
  });

  it('of jobs that the controller has forgotten the accounting knows the end; those whose ids have vanished are lost', async () => {
    const ce = open();
    const command = 'kill -9 "$(cut -d " " -f 4 /proc/$PPID/stat)"; sleep 20';
    const broken = job('e1000000.broken.1.1', { command });
    const jobs = jobsOf(CPUS + 2, { seconds: 60 });
    await ce.submit([broken]);
    const [array = ''] = arraysThere();
    await until(() => slurm.run('squeue', '-h') === '');
    await ce.submit(jobs);
    await until(async () => (await ce.slots()).running === CPUS);
    const account = ['-X', '-D', '-n', '-o', 'State', `--name=${array}`];
    await until(() => slurm.run('sacct', ...account).includes('FAILED'));
    await slurm.kill();
    await slurm.start('forgetful');
    const after = open();
    const names = [broken.name, ...namesOf(jobs)];
    const [found, ...lost] = await allEnded(after, names);
    expect(found).toMatchObject({ report: null, symptom: { step: 'vanished', exitCode: 137 } });
    expect(found?.symptom?.reason).toMatch(/FAILED/);
    expect(lost.map(({ state }) => state)).toEqual(jobs.map(() => 'ended'));
    await after.forget(names);
    expect(readdirSync(spool()).filter((name) => /^\d/.test(name))).toEqual([]);
  });
});

describe('a queue of Slurm that is full', () => {
  it('refuses, so that the jobs run elsewhere or later', async () => {
    const ce = open({ options: ['--begin=now+1day'] });
    let told: (string | undefined)[] = [''];
    for (let jobs = 0; told[0] === '' && jobs < MAX_JOBS; jobs += MAX_ARRAY_SIZE) {
      const bundle = Array.from({ length: MAX_ARRAY_SIZE }, (_, i) =>
        job(`e1000000.full${jobs}.${i + 1}.1`),
      );
      const begun = performance.now();
      told = [...new Set((await ce.submit(bundle)).map(({ refused }) => refused))];
      expect(performance.now() - begun).toBeLessThan(5000);
    }
    expect(told).toEqual(['the queue of Slurm is full (MaxJobCount)']);
  });
});
