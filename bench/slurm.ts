import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemClock } from '../domain/clock.js';
import { silentLog } from '../domain/log.js';
import type { WrappedJob } from '../grid/compute/compute-element.js';
import { SlurmComputeElement } from '../grid/compute/slurm/element.js';

export interface SlurmBench {
  readonly bundles: number;
  readonly bundleJobs: number;
  /** Jobs per second of a bundle that is submitted; the same arrays by bare `sbatch`. */
  readonly submission: {
    readonly fabrica: number;
    readonly sbatch: number;
    readonly ratio: number;
  };
  /** Polls per second of all jobs; the same by bare `squeue`. */
  readonly poll: { readonly fabrica: number; readonly squeue: number; readonly ratio: number };
}

export interface SlurmBenchSize {
  readonly bundles: number;
  readonly bundleJobs: number;
  /** Shared with the nodes of the cluster. */
  readonly folder: string;
  readonly partition?: string | undefined;
}

/** Jobs wait, so that what is measured is not how they run. */
const LATER = '--begin=now+1day';
const POLLS = 10;
/** For so long (ms) an answer of Slurm may be given again. */
const ANSWER_LIFE = 1200;

const run = promisify(execFile);

/**
 * Bundles submitted to the cluster of Slurm that this machine's commands reach, and polled; each beside the bare command, in turns. Nothing runs,
 * and nothing is left.
 */
export async function benchSlurm(size: SlurmBenchSize): Promise<SlurmBench> {
  const folder = mkdtempSync(path.join(size.folder, 'fabrica-bench-'));
  const element = new SlurmComputeElement({
    ...{ site: 'BENCH', slots: size.bundleJobs, folder: path.join(folder, 'jobs') },
    ...{ clock: systemClock, log: silentLog },
    submission: { partition: size.partition, options: [LATER] },
  });
  const names: string[] = [];
  try {
    await element.check();
    const spent = { fabrica: 0, sbatch: 0, poll: 0, squeue: 0 };
    const script = path.join(folder, 'script.sh');
    writeFileSync(script, '#!/bin/sh\nexec sh "$SLURM_ARRAY_TASK_ID/wrapper.sh"\n');
    const bare = ['--parsable', '--no-requeue', '--output=/dev/null', '--time=60', '--mem=1000M'];
    if (size.partition !== undefined) bare.push(`--partition=${size.partition}`);
    for (let bundle = -1; bundle < size.bundles; bundle++) {
      const jobs = Array.from({ length: size.bundleJobs }, (_, i) =>
        jobOf(`e1.b${bundle + 1}.${i}.1`),
      );
      const fabrica = await timed(() => element.submit(jobs));
      names.push(...jobs.map(({ name }) => name));
      let id = '';
      const sbatch = await timed(async () => {
        const array = `--array=0-${size.bundleJobs - 1}`;
        id = (await run('sbatch', [...bare, LATER, array, script])).stdout.trim();
      });
      await run('scancel', [id]);
      // The first of each is for caches to be warm.
      if (bundle === -1) continue;
      spent.fabrica += fabrica;
      spent.sbatch += sbatch;
    }
    for (let round = 0; round < POLLS; round++) {
      await sleep(ANSWER_LIFE);
      spent.poll += await timed(() => element.poll(names));
      spent.squeue += await timed(() => run('squeue', ['--me', '-h', '-o', '%j|%F|%K|%T']));
    }
    const jobs = size.bundles * size.bundleJobs;
    const rates = (ours: number, theirs: number, count: number) => ({
      fabrica: (1000 * count) / ours,
      theirs: (1000 * count) / theirs,
      ratio: theirs / ours,
    });
    const submission = rates(spent.fabrica, spent.sbatch, jobs);
    const poll = rates(spent.poll, spent.squeue, POLLS);
    return {
      ...{ bundles: size.bundles, bundleJobs: size.bundleJobs },
      submission: {
        fabrica: submission.fabrica,
        sbatch: submission.theirs,
        ratio: submission.ratio,
      },
      poll: { fabrica: poll.fabrica, squeue: poll.theirs, ratio: poll.ratio },
    };
  } finally {
    await element.end(names);
    await element.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

function jobOf(name: string): WrappedJob {
  const url = `file:/storage//mc/${name}.root`;
  return {
    name,
    wrapper: {
      ...{ name, command: ['run.sh', '1234567', 'out.root'], environment: '', validation: [] },
      stageIn: [
        { name: 'run.sh', size: 1000, adler32: '12345678', urls: ['file:/storage//run.sh'] },
      ],
      outputs: [{ level: 'mdst', file: 'out.root', destinations: [{ storage: 'TMP', url }] }],
      claims: [{ storage: 'TMP', url: `file:/storage//claims/${name}` }],
      ...{ wallSeconds: 3600, memoryMB: 2000, diskMB: 20_000 },
      variables: { FABRICA_PRODUCTION: 'bench', FABRICA_SEED: '1234567', FABRICA_EVENTS: '1000' },
    },
  };
}
