import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readDefinition } from '../../client/definition-file.js';
import { payloadName } from '../../domain/definition-rules.js';
import { temporaryFolder } from '../worker/temporary-folder.js';
import { fabricate, merge } from './job-run.js';
import { planOf } from './plan.js';

const FOLDER = path.join(import.meta.dirname, '../../examples/pythia8');
const example = readDefinition(path.join(FOLDER, 'production.yaml'));
const { definition } = example;

/** Where setup.sh makes the environment if nobody says otherwise. */
const PYTHON = path.join(process.env.HOME ?? '', '.cache/fabrica/pythia8/bin/python');

function python(...words: string[]): { status: number | null; text: string } {
  const env = { ...process.env, PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: '1' };
  const { status, stdout, stderr } = spawnSync(PYTHON, words, { encoding: 'utf8', env });
  return { status, text: stdout + stderr };
}

const validate = (file: string, first: number, events: number) =>
  python(path.join(FOLDER, 'validate.py'), file, String(first), String(events));

describe('the definition of the Pythia 8 example', () => {
  it('is accepted without a warning, and its files are there', () => {
    expect(example.warnings).toEqual([]);
    for (const name of [...definition.fabrication.payload, ...(definition.merge?.payload ?? [])]) {
      expect(existsSync(path.join(FOLDER, payloadName(name)))).toBe(true);
    }
  });

  it('makes 10,000 events in 20 jobs of 500, 4 of them scouts, and 4 merged files', () => {
    const { jobs, merged } = planOf(definition);
    expect(jobs.map((block) => block.length)).toEqual([4, 16]);
    expect(new Set(jobs.flat())).toEqual(new Set([500]));
    expect(merged.map((block) => block.length)).toEqual([1, 3]);
  });

  it('fails in the environment, with the remedy in the log, where setup.sh was not run', () => {
    const place = temporaryFolder();
    const values = { job: 1, firstEvent: 1, events: 1 };
    const { report, log } = fabricate(example, place, values, { HOME: place });
    expect(report).toMatchObject({ outcome: 'failed', step: 'environment' });
    expect(log).toContain('run examples/pythia8/setup.sh');
  });
});

describe('the Pythia 8 example', () => {
  // The first run on a machine downloads some 60 MB.
  beforeAll(() => {
    const env = { ...process.env };
    delete env.FABRICA_PYTHIA8_VENV;
    execFileSync('sh', [path.join(FOLDER, 'setup.sh')], { stdio: 'inherit', env });
  }, 600_000);

  it('makes events that its validation accepts, and merges them', { timeout: 120_000 }, () => {
    const place = temporaryFolder();
    const outputs = [1, 2].map((job) => {
      const values = { job, firstEvent: 1 + 500 * (job - 1), events: 500 };
      const { report, events, log, output } = fabricate(example, place, values);
      expect(report, log).toMatchObject({ outcome: 'done', step: 'none' });
      expect(events).toBe(500);
      expect(log).toContain(`events ${values.firstEvent} to ${500 * job}, all there, once each`);
      return output;
    });
    const { report, events, log, output } = merge(example, place, 21, outputs);
    expect(report, log).toMatchObject({ outcome: 'done', step: 'none' });
    expect(events).toBe(1000);
    expect(validate(output, 1, 1000)).toMatchObject({ status: 0 });

    const twice = merge(example, place, 22, [...outputs, ...outputs]);
    expect(twice.report).toMatchObject({ outcome: 'failed', step: 'payload', exitCode: 1 });
    expect(twice.log).toContain('1000 events come more than once');
  });

  it('makes the same events from the same seed, not the same bytes', { timeout: 60_000 }, () => {
    const place = temporaryFolder();
    const values = { job: 7, seed: 900_000_000, firstEvent: 1, events: 100 };
    const one = fabricate(example, place, values).output;
    const two = fabricate(example, place, { ...values, attempt: 2 }).output;
    const other = fabricate(example, place, { ...values, attempt: 3, seed: 1 }).output;
    expect(readFileSync(one)).not.toEqual(readFileSync(two));
    const same = `import sys, awkward, event_file
a, b = (event_file.read(name)[0]["particle"] for name in sys.argv[1:])
print(awkward.array_equal(a, b))`;
    expect(python('-c', same, one, two).text).toBe('True\n');
    expect(python('-c', same, one, other).text).toBe('False\n');
  });

  it('does not accept files that are not what was asked for', { timeout: 60_000 }, () => {
    const place = temporaryFolder();
    const { output } = fabricate(example, place, { job: 1, firstEvent: 11, events: 100 });
    expect(validate(output, 11, 100)).toMatchObject({ status: 0 });
    expect(validate(output, 11, 101).text).toContain('holds 100 events, 101 were asked for');
    expect(validate(output, 12, 100).text).toContain('its events are 11 to 110');
    const half = path.join(place, 'half.root');
    copyFileSync(output, half);
    truncateSync(half, readFileSync(output).length / 2);
    expect(validate(half, 11, 100)).toMatchObject({ status: 1 });
  });
});
