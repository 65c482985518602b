import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { JobRecipe } from '../../../domain/bundle.js';
import type {
  CeJob,
  CeStatus,
  ComputeElement,
  WrappedJob,
} from '../../../grid/compute/compute-element.js';

import { parseWrapperReport } from '../../../grid/compute/wrapper-report.js';
import type { WrapperSpec } from '../../../grid/compute/wrapper.js';
import type { Doing } from './compute-conformance.js';

/** A job that runs a shell command, without claim, inputs and outputs. */
export function jobOf(name: string, command: string): WrappedJob {
  const wrapper: WrapperSpec = {
    name,
    command: ['sh', '-c', command],
    environment: '',
    validation: [],
    stageIn: [],
    outputs: [],
    claims: [],
    wallSeconds: 60,
    memoryMB: 500,
    diskMB: 20_000,
    variables: {},
  };
  return { name, wrapper };
}

/** The same, as an attempt of a bundle that makes five events, and tells so. */
export function attemptOf(
  name: string,
  { command = 'true', memoryMB = 500, seconds = 0, wallSeconds = 90 }: Doing,
  trace: string,
): CeJob {
  const script = [
    `echo ${name} >>${trace}`,
    `echo '{"events": 5}' >fabrica-report.json`,
    ...(seconds === 0 ? [] : [`sleep ${seconds} || exit`]),
    command,
  ].join('\n');
  const { wrapper } = jobOf(name, script);
  const recipe: JobRecipe = {
    ...{ command: wrapper.command, environment: '', payload: [], outputs: [], validation: [] },
    ...{ wallSeconds, memoryMB, diskMB: wrapper.diskMB, destinations: [], claims: '/.claims' },
  };
  const job = { job: 1, attempt: 1, seed: 1, firstEvent: 1, events: 5, index: 1 };
  const bundle = { epoch: 'e1000000', production: 'p', site: 'HERE', recipe };
  return {
    ...{ name, wrapper: { ...wrapper, wallSeconds, memoryMB } },
    task: { bundle, job, files: [], overlay: [] },
  };
}

/** What has become of these jobs, once all have ended. */
export async function allEnded(
  element: ComputeElement,
  names: readonly string[],
): Promise<CeStatus[]> {
  const never = new AbortController().signal;
  for (;;) {
    const statuses = await element.poll(names);
    if (statuses.every(({ state }) => state === 'ended' || state === 'withdrawn')) return statuses;
    await element.changed(5000, never);
  }
}

/** What a job's wrapper says of it. */
export function outcomeOf({ report }: CeStatus): string {
  if (report === null) return 'no report';
  return (typeof report === 'string' ? parseWrapperReport(report) : report).outcome;
}

/** Fails after about four seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 200) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Living processes whose working directory is below a folder. */
export function processesIn(place: string): number[] {
  return spawnedPids().filter((pid) => {
    const stat = readOr(`/proc/${pid}/stat`);
    return !/\) [ZX]/.test(stat) && linkOr(`/proc/${pid}/cwd`).startsWith(place);
  });
}

const spawnedPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The content of a file of `/proc` or of another file; that of a process that is gone, if it is not there. */
export function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ') X';
  }
}

function linkOr(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
