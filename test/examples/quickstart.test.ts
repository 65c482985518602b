import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDefinition } from '../../client/definition-file.js';
import { payloadName } from '../../domain/definition-rules.js';
import { Diagnostician } from '../../policy/diagnosis.js';
import { temporaryFolder } from '../worker/temporary-folder.js';
import { fabricate, merge, type JobRun } from './job-run.js';
import { planOf } from './plan.js';

const FOLDER = path.join(import.meta.dirname, '../../examples/quickstart');
const example = readDefinition(path.join(FOLDER, 'production.yaml'));
const { definition } = example;

interface MuonPair {
  readonly event: number;
  readonly 'mu-': readonly number[];
  readonly 'mu+': readonly number[];
}

const eventsIn = (file: string): MuonPair[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as MuonPair);

/** Runs one of the programs by hand, without Fabrica around it. */
function program(cwd: string, name: string, ...words: (string | number)[]): string {
  const command = [path.join(FOLDER, name), ...words.map(String)];
  return execFileSync('node', command, { cwd, encoding: 'utf8' });
}

describe('the definition of the quickstart', () => {
  it('is accepted without a warning, and its files are there', () => {
    expect(example.warnings).toEqual([]);
    const payload = [...definition.fabrication.payload, ...(definition.merge?.payload ?? [])];
    expect(payload).toEqual(['generate.mjs', 'merge.mjs']);
    for (const name of payload) expect(existsSync(path.join(FOLDER, payloadName(name)))).toBe(true);
  });

  it('makes 12,000 events in 24 jobs, 4 of them scouts, and 3 merged files', () => {
    const { jobs, merged } = planOf(definition);
    expect(jobs.map((block) => block.length)).toEqual([4, 20]);
    expect(jobs.flat().reduce((sum, one) => sum + one, 0)).toBe(12_000);
    expect(merged).toEqual([[2000], [5000, 5000]]);
  });
});

describe('a job of the quickstart', () => {
  const job = (place: string, number: number, attempt = 1): JobRun =>
    fabricate(example, place, { job: number, attempt, firstEvent: 501, events: 500 });

  it('makes its range of events, of which each conserves energy and momentum', () => {
    const { report, events, output } = job(temporaryFolder(), 1);
    expect(report).toMatchObject({ outcome: 'done', step: 'none' });
    expect(events).toBe(500);
    const made = eventsIn(output);
    expect(made.map(({ event }) => event)).toEqual(Array.from({ length: 500 }, (_, i) => 501 + i));
    for (const { 'mu-': minus, 'mu+': plus } of made) {
      const sum = minus.map((value, i) => value + (plus[i] ?? NaN));
      expect(sum.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([10.58, 0, 0, 0]);
      const [energy = NaN, ...momentum] = minus;
      expect(energy ** 2 - Math.hypot(...momentum) ** 2).toBeCloseTo(0.1056583755 ** 2, 4);
    }
  });

  it.each([
    { number: 3, exitCode: 1, failure: 'payload-error' },
    { number: 11, exitCode: 139, failure: 'payload-crash' },
  ])('fails on purpose: job $number with $failure', ({ number, exitCode, failure }) => {
    const { report, log } = job(temporaryFolder(), number);
    const step = 'payload';
    expect(report).toMatchObject({ outcome: 'failed', step, exitCode });
    expect(log).toContain('THIS FAILURE IS ON PURPOSE');
    expect(log).toContain(`expect the class ${failure}`);
    const logTail = log.slice(-4096);
    const verdict = new Diagnostician().diagnose({
      ...{ step, exitCode, reason: report.reason, logTail },
      ...{ site: 'here', release: 'now' },
    });
    expect(verdict.class).toBe(failure);
  });

  it('forgets events on purpose: job 19 reports fewer than it was asked for', () => {
    const { report, log, events } = job(temporaryFolder(), 19);
    expect(report.outcome).toBe('done');
    expect(events).toBe(450);
    expect(log).toContain('expect the class bad-output');
  });

  it('makes at its second attempt what any good attempt makes, to the byte', () => {
    const place = temporaryFolder();
    const second = job(place, 11, 2);
    expect(second.report.outcome).toBe('done');
    expect(second.log).not.toContain('PURPOSE');
    const byHand = path.join(place, 'by-hand.jsonl');
    program(place, 'generate.mjs', 11, 501, 500, byHand);
    expect(readFileSync(second.output)).toEqual(readFileSync(byHand));
  });

  it('goes wrong in three of the 24 jobs, only at first attempts, and never by hand', () => {
    const place = temporaryFolder();
    const command = [path.join(FOLDER, 'generate.mjs'), '1', '1', '60', 'out.jsonl'];
    const purpose = (variables: NodeJS.ProcessEnv): boolean => {
      const env = { PATH: process.env.PATH, ...variables };
      const { stderr } = spawnSync('node', command, { cwd: place, encoding: 'utf8', env });
      return stderr.includes('ON PURPOSE');
    };
    const jobs = Array.from({ length: 24 }, (_, i) => String(i + 1));
    const bad = jobs.filter((FABRICA_JOB) => purpose({ FABRICA_JOB, FABRICA_ATTEMPT: '1' }));
    expect(bad).toEqual(['3', '11', '19']);
    const again = bad.filter((FABRICA_JOB) => purpose({ FABRICA_JOB, FABRICA_ATTEMPT: '2' }));
    expect(again).toEqual([]);
    expect(purpose({})).toBe(false);
  });
});

describe('the merge of the quickstart', () => {
  it('joins files in order and tells their events', () => {
    const place = temporaryFolder();
    const outputs = [1, 2].map(
      (job) =>
        fabricate(example, place, { job, firstEvent: 1 + 500 * (job - 1), events: 500 }).output,
    );
    const { report, events, output } = merge(example, place, 25, outputs);
    expect(report.outcome).toBe('done');
    expect(events).toBe(1000);
    const text = outputs.map((file) => readFileSync(file, 'utf8')).join('');
    expect(readFileSync(output, 'utf8')).toBe(text);
  });

  it.each([
    ['the same event twice', '{"event":1}\n', '{"event":1}\n', 'is in input1.jsonl already'],
    ['a file cut short', '{"event":1}\n', '{"event":2}', 'does not end with a line end'],
    ['a line without event', '{"event":1}\n', '{}\n', 'a line without an event number'],
  ])('refuses %s', (_, one, two, complaint) => {
    const place = temporaryFolder();
    const inputs = [one, two].map((text, i) => {
      const file = path.join(place, `${i}.jsonl`);
      writeFileSync(file, text);
      return file;
    });
    const { report, log } = merge(example, place, 25, inputs);
    expect(report).toMatchObject({ outcome: 'failed', step: 'payload', exitCode: 1 });
    expect(log).toContain(complaint);
  });
});

describe('the angles of the muons', () => {
  it.each([1, 42, 899_999_999])('are spread as 1 + cos^2 and flat in phi, with seed %i', (seed) => {
    const place = temporaryFolder();
    program(place, 'generate.mjs', seed, 1, 12_000, 'muons.jsonl');
    const shown = program(place, 'angles.mjs', 'muons.jsonl');
    const [, a, error] = /a = (\S+) \+- (\S+)/.exec(shown) ?? [];
    expect(Number(error)).toBeLessThan(0.07);
    expect(Math.abs(Number(a) - 1)).toBeLessThan(4 * Number(error));

    const angles = eventsIn(path.join(place, 'muons.jsonl')).map(({ 'mu-': [, x = 0, y = 0] }) =>
      Math.atan2(y, x),
    );
    // For a flat angle these means are 0 with an error of 1 / sqrt(2 n).
    for (const mean of [Math.cos, Math.sin].map(
      (wave) => angles.reduce((sum, angle) => sum + wave(angle), 0) / angles.length,
    )) {
      expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(2 * angles.length));
    }
  });

  it('are told to be flat where they are: a control of the fit', () => {
    const place = temporaryFolder();
    let lines = '';
    for (let i = 0; i < 5000; i++) {
      const c = -1 + (2 * (i + 0.5)) / 5000;
      lines += `${JSON.stringify({ event: i, 'mu-': [1, Math.sqrt(1 - c * c), 0, c] })}\n`;
    }
    writeFileSync(path.join(place, 'flat.jsonl'), lines);
    expect(program(place, 'angles.mjs', 'flat.jsonl')).toMatch(/ a = -?0\.000 /);
  });
});
