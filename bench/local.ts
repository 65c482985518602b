import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ceJobs } from '../activities/site/ce-jobs.js';
import type { BundleOrder } from '../domain/bundle.js';
import type { Configuration } from '../domain/configuration.js';
import type { DefinitionInput } from '../domain/definition.js';
import { BELLE2_LFN_SCHEME, claimDirectory, outputNaming } from '../domain/lfn.js';
import { parseConfiguration, parseDefinition } from '../domain/parse.js';
import { NOTHING_PACKED } from '../domain/packed.js';
import { prepareDirectoryStorage } from '../grid/storage/directory.js';
import { createJob, jobFolder } from '../grid/compute/local-job.js';
import { openStaging } from '../grid/compute/spool.js';
import { wrapperScript } from '../grid/compute/wrapper.js';
import { createStorageElements } from '../grid/storage/storage-elements.js';
import { fabricaRun } from './fabrica-run.js';
import { descendantsCpuMs } from './processor-time.js';

export interface LocalBench {
  readonly jobs: number;
  readonly slots: number;
  readonly fabricaJobsPerSecond: number;
  readonly xargsJobsPerSecond: number;
  readonly ratio: number;
  /** Processor time of all processes per job within the time that counts, ms: steadier than the rates where others use the machine. */
  readonly fabricaCpuMs: number;
  readonly xargsCpuMs: number;
  /** Highest resident memory of the control process, MB. */
  readonly controlRssMb: number;
}

/** No run of this size takes longer, or something hangs. */
const LONGEST_SECONDS = 600;

/**
 * Fabrication of no-op jobs on the local computing element, from the first placement to the last recorded output, and then the
 * same wrapper scripts under `xargs -P` with the same parallelism, in the same folder tree.
 */
export async function benchLocal(size: { jobs: number; slots: number }): Promise<LocalBench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-bench-'));
  try {
    const fabrica = await throughFabrica(folder, size);
    const xargs = await throughXargs(folder, size);
    return {
      ...size,
      fabricaJobsPerSecond: size.jobs / fabrica.seconds,
      xargsJobsPerSecond: size.jobs / xargs.seconds,
      ratio: xargs.seconds / fabrica.seconds,
      fabricaCpuMs: fabrica.cpuMs / size.jobs,
      xargsCpuMs: xargs.cpuMs / size.jobs,
      controlRssMb: fabrica.controlRssMb,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const COMMAND = ['sh', '-c', 'echo noop >"$1"', 'sh', '{output}'];

function definition(jobs: number): DefinitionInput {
  return {
    name: 'bench',
    dataset: {
      campaign: 'bench',
      release: 'release-08-00-00',
      globalTag: 'DB00000001',
      experiment: 1003,
      eventType: 'noop',
    },
    events: jobs,
    fabrication: { command: COMMAND, outputs: [{ file: 'noop.txt' }], eventsPerJob: 1 },
    scouts: { jobs: 0 },
    validation: { countEvents: false },
    merge: {
      command: ['sh', '-c', 'out=$1; shift; cat "$@" >"$out"', 'sh', '{output}', '{inputs}'],
      targetEvents: 500,
    },
  };
}

function benchConfiguration(folder: string, slots: number): Configuration {
  return parseConfiguration({
    state: folder,
    areas: ['bench'],
    sites: [{ name: 'BENCH', area: 'bench', slots, storages: ['BENCH-TMP', 'BENCH-DISK'] }],
    storages: ['TMP', 'DISK'].map((kind) => ({
      name: `BENCH-${kind}`,
      kind: 'directory',
      area: 'bench',
      root: path.join(folder, 'storages', kind),
      purpose: kind === 'TMP' ? 'temporary' : 'final',
    })),
  });
}

async function throughFabrica(
  folder: string,
  size: { jobs: number; slots: number },
): Promise<{ seconds: number; cpuMs: number; controlRssMb: number }> {
  return fabricaRun({
    folder,
    configuration: benchConfiguration(folder, size.slots),
    definition: definition(size.jobs),
    longestSeconds: LONGEST_SECONDS,
    counts: async (catalog) => {
      const { done } = await catalog.read((db) =>
        db
          .selectFrom('jobs')
          .select((eb) => eb.fn.countAll<number>().as('done'))
          .where('state', '=', 'Done')
          .executeTakeFirstOrThrow(),
      );
      return done >= size.jobs;
    },
  });
}

async function throughXargs(
  folder: string,
  size: { jobs: number; slots: number },
): Promise<{ seconds: number; cpuMs: number }> {
  const root = path.join(folder, 'xargs');
  await prepareDirectoryStorage(path.join(root, 'storage'));
  const storages = createStorageElements([
    { name: 'X', kind: 'directory', root: path.join(root, 'storage') },
  ]);
  const { dataset, fabrication } = parseDefinition(definition(size.jobs));
  const order: BundleOrder = {
    epoch: 'e000000',
    production: 'bench',
    block: 0,
    bundle: 0,
    site: 'X',
    kind: 'fabrication',
    lease: 86_400,
    recipe: {
      command: fabrication.command,
      environment: '',
      payload: [],
      outputs: [
        {
          level: 'mdst',
          file: 'noop.txt',
          naming: outputNaming(BELLE2_LFN_SCHEME, dataset, {
            production: 1,
            level: 'mdst',
            fileName: 'noop.txt',
            merged: false,
          }),
        },
      ],
      validation: [],
      wallSeconds: fabrication.limits.wallTime,
      memoryMB: fabrication.limits.memory / 1e6,
      diskMB: fabrication.limits.disk / 1e6,
      destinations: ['X'],
      claims: claimDirectory('e000000', 1, 0),
    },
    ranges: [{ job: 1, count: size.jobs, attempt: 1, seed: 1, firstEvent: 1, events: 1, index: 1 }],
    inputs: NOTHING_PACKED,
  };
  const folders: string[] = [];
  const staging = await openStaging(path.join(root, 'jobs'), Date.now());
  for (const job of ceJobs(order, storages)) {
    const where = jobFolder(path.join(root, 'jobs'), job.name);
    await createJob(staging, where, wrapperScript(job.wrapper), Date.now());
    folders.push(where);
  }
  const list = path.join(root, 'list');
  writeFileSync(list, folders.join('\n'));
  const cpuBefore = descendantsCpuMs();
  const began = performance.now();
  await promisify(execFile)('sh', [
    '-c',
    'xargs -a "$1" -P "$2" -I {} sh -c \'cd "$1" && exec sh wrapper.sh\' sh {}',
    'sh',
    list,
    String(size.slots),
  ]);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, cpuMs: descendantsCpuMs() - cpuBefore };
}
