import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { adler32 } from '../../domain/adler32.js';
import type { Definition } from '../../domain/definition.js';
import { substituteArguments } from '../../domain/substitution.js';
import {
  parsePayloadReport,
  parseWrapperReport,
  wrapperScript,
  type WrapperInput,
  type WrapperReport,
} from '../../grid/compute/wrapper.js';

/** A job of an example, run as a site would run it: by the real wrapper, in a folder of its own, with the environment of local jobs. */
export interface JobRun {
  readonly report: WrapperReport;
  readonly log: string;
  /** Events that the payload told. */
  readonly events: number | null;
  /** The output, on the storage. */
  readonly output: string;
}

export interface JobValues {
  readonly job: number;
  readonly attempt?: number;
  readonly seed?: number;
  readonly firstEvent?: number;
  readonly events?: number;
}

/** A definition with the folder of its file. */
export interface Example {
  readonly definition: Definition;
  readonly folder: string;
}

/** Runs a fabrication job. The attempt is 1 unless told. */
export function fabricate(
  example: Example,
  place: string,
  values: JobValues,
  environment: NodeJS.ProcessEnv = {},
): JobRun {
  const { fabrication, validation } = example.definition;
  const file = fabrication.outputs[0]?.file ?? '';
  const part = { ...fabrication, validation: validation.command ?? [] };
  return run(example, place, part, values, { file, inputs: [], environment });
}

/** Runs a merge job over outputs of earlier runs. */
export function merge(example: Example, place: string, job: number, inputs: string[]): JobRun {
  const { fabrication, merge: part } = example.definition;
  if (part === undefined) throw new Error('the example merges nothing');
  const file = `merged.${fabrication.outputs[0]?.file ?? ''}`;
  return run(
    example,
    place,
    { ...part, validation: [] },
    { job },
    { file, inputs, environment: {} },
  );
}

interface Part {
  readonly command: readonly string[];
  readonly payload: Definition['fabrication']['payload'];
  readonly environment: string;
  readonly validation: readonly string[];
  readonly limits: Definition['fabrication']['limits'];
}

function run(
  example: Example,
  place: string,
  part: Part,
  { job, attempt = 1, seed = job, firstEvent = 1, events = 0 }: JobValues,
  { file, inputs, environment }: { file: string; inputs: string[]; environment: NodeJS.ProcessEnv },
): JobRun {
  const name = `e1test.example.${job}.${attempt}`;
  const folder = path.join(place, 'jobs', name);
  const storage = path.join(place, 'storage');
  mkdirSync(folder, { recursive: true });
  mkdirSync(storage, { recursive: true });
  const payload = part.payload.map((entry) => {
    if (typeof entry !== 'string') throw new Error('examples have files of their own');
    return inputOf(path.join(example.folder, entry), path.basename(entry));
  });
  const data = inputs.map((input, i) => inputOf(input, `input${i + 1}${path.extname(input)}`));
  const values = {
    ...{ job, seed, firstEvent, events },
    inputs: data.map((input) => input.name),
    outputs: new Map([['mdst', file]]),
  };
  const output = path.join(storage, `${job}.${attempt}${path.extname(file)}`);
  const url = `file:${storage}//${path.basename(output)}`;
  const script = wrapperScript({
    name,
    command: substituteArguments(part.command, values),
    environment: part.environment,
    validation: substituteArguments(part.validation, values),
    stageIn: [...payload, ...data],
    outputs: [{ level: 'mdst', file, destinations: [{ storage: 'SE', url }] }],
    claims: [],
    wallSeconds: part.limits.wallTime,
    memoryMB: part.limits.memory / 1e6,
    diskMB: part.limits.disk / 1e6,
    variables: {
      FABRICA_JOB: String(job),
      FABRICA_ATTEMPT: String(attempt),
      FABRICA_SEED: String(seed),
    },
  });
  writeFileSync(path.join(folder, 'wrapper.sh'), script);
  const { PATH, HOME } = process.env;
  spawnSync('/bin/sh', ['wrapper.sh'], {
    cwd: folder,
    stdio: 'ignore',
    env: { PATH, HOME, ...environment },
  });
  const read = (file: string): string => readFileSync(path.join(folder, file), 'utf8');
  const report = parseWrapperReport(read('report'));
  const told = report.outcome === 'done' ? parsePayloadReport(read('fabrica-report.json')) : null;
  return { report, log: read('log'), events: told?.events ?? null, output };
}

function inputOf(file: string, name: string): WrapperInput {
  const bytes = readFileSync(file);
  return { name, size: bytes.length, adler32: adler32(bytes), urls: [`file:${file}`] };
}
