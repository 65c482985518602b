import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchInFlight, type InFlightBench } from './in-flight.js';
import { benchLocal } from './local.js';
import { inFlightText, scaleRow, sharesText } from './scale-text.js';
import { benchShares, type SharesBench } from './shares.js';
import { benchSimulated, type SimulatedBench } from './simulated.js';
import { benchSlurm } from './slurm.js';

/** `npm run bench -- SCENARIO`: figures of this machine; compare only what one run has printed. */
const program = new Command('bench').description('Benchmarks of Fabrica, each beside a yardstick');

program
  .command('local')
  .description(
    'no-op jobs on the local computing element, beside the same wrappers run by xargs -P',
  )
  .option('--jobs <n>', 'number of jobs', '2000')
  .option('--slots <n>', 'parallelism of both', '3')
  .option('--json <file>', 'write the figures here as well')
  .action(async (options: { jobs: string; slots: string; json?: string }) => {
    const result = await benchLocal({ jobs: Number(options.jobs), slots: Number(options.slots) });
    console.log(`fabrica   ${result.fabricaJobsPerSecond.toFixed(1)} jobs/s`);
    console.log(
      `xargs -P  ${result.xargsJobsPerSecond.toFixed(1)} jobs/s, the same wrapper scripts`,
    );
    console.log(`ratio     ${(100 * result.ratio).toFixed(0)} %`);
    console.log(`control   ${result.controlRssMb.toFixed(0)} MB at most`);
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
    }
  });

program
  .command('slurm')
  .description('bundles submitted to Slurm and polled, beside bare sbatch and squeue; nothing runs')
  .requiredOption('--folder <directory>', 'where arrays are written; shared with the nodes')
  .option('--partition <name>', 'partition; default: that of the cluster')
  .option('--bundles <n>', 'number of bundles', '10')
  .option('--jobs <n>', 'jobs of each', '1000')
  .option('--json <file>', 'write the figures here as well')
  .action(async (options: SlurmOptions) => {
    const { folder, partition } = options;
    const size = { bundles: Number(options.bundles), bundleJobs: Number(options.jobs) };
    const result = await benchSlurm({ ...size, folder, partition });
    const { poll, submission } = result;
    const line = (what: string, ours: number, bare: string, theirs: number, ratio: number): void =>
      console.log(
        `${what} ${ours.toFixed(1)}/s, ${bare} ${theirs.toFixed(1)}/s: ${(100 * ratio).toFixed(0)} %`,
      );
    line('jobs submitted', submission.fabrica, 'sbatch', submission.sbatch, submission.ratio);
    line(
      `polls of ${size.bundles * size.bundleJobs} jobs`,
      ...([poll.fabrica, 'squeue', poll.squeue, poll.ratio] as const),
    );
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
    }
  });

program
  .command('simulated')
  .description('a production on the example grid of 60 sites, with failures of all classes')
  .option('--jobs <n>', 'number of jobs', '10000')
  .option('--failures <share>', 'how likely an attempt fails, 0 to 0.9', '0.3')
  .option('--json <file>', 'write the figures here as well')
  .action(async (options: { jobs: string; failures: string; json?: string }) => {
    const size = { jobs: Number(options.jobs), failures: Number(options.failures) };
    const result = await benchSimulated({ ...size, dying: size.failures > 0, backoff: 0.5 });
    const { agreeing, failedAttempts } = result;
    console.log(`jobs      ${result.jobs}: ${JSON.stringify(result.states)}`);
    console.log(`rate      ${result.jobsPerSecond.toFixed(0)} jobs/s, from definition to audit`);
    console.log(`CPU       ${result.cpuPerJobMs.toFixed(2)} ms per job, all processes`);
    console.log(`control   ${result.controlRssMb.toFixed(0)} MB at most`);
    console.log(`releases  ${result.releases}, of merges that failed twice by chance`);
    console.log(`failures  ${failedAttempts} of ${result.attempts} attempts`);
    console.log(
      `diagnosis ${agreeing} of ${failedAttempts} agree with what was injected: ` +
        `${((100 * agreeing) / Math.max(1, failedAttempts)).toFixed(2)} %`,
    );
    for (const [what, times] of Object.entries(result.disagreeing)) {
      console.log(`          ${what}: ${times}`);
    }
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
    }
  });

program
  .command('scale')
  .description(
    'productions of several sizes on the example grid, 5 % of the attempts fail; then many jobs in flight at once, and many productions at once',
  )
  .option('--jobs <list>', 'numbers of jobs, one production each; 0: none', '10000,100000,1000000')
  .option('--failures <share>', 'how likely an attempt fails, 0 to 0.9', '0.05')
  .option('--in-flight <jobs>', 'jobs that are at sites at once, in real time; 0: none', '150000')
  .option('--seconds <s>', 'how long each of them takes', '480')
  .option('--productions <n>', 'productions with priorities from 1 to 10 at once; 0: none', '50')
  .option('--json <file>', 'write the figures here as well')
  .action(async (options: ScaleOptions) => {
    const report: ScaleReport = { rows: [], inFlight: null, shares: null };
    const told = (line: string): void => {
      console.log(line);
      if (options.json !== undefined) {
        writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
      }
    };
    const sizes = options.jobs.split(',').map(Number);
    for (const jobs of sizes.filter((size) => size > 0)) {
      const failures = Number(options.failures);
      const row = await benchSimulated({ jobs, failures, dying: false, backoff: 1 });
      report.rows.push(row);
      told(scaleRow(row));
    }
    const inFlight = Number(options.inFlight);
    if (inFlight > 0) {
      report.inFlight = await benchInFlight({ jobs: inFlight, seconds: Number(options.seconds) });
      told(inFlightText(report.inFlight));
    }
    const productions = Number(options.productions);
    if (productions > 0) {
      const grid = { slots: 2000, jobSeconds: 30, seconds: 180 };
      report.shares = await benchShares({ productions, ...grid });
      told(sharesText(report.shares));
    }
  });

await program.parseAsync();

interface SlurmOptions {
  readonly folder: string;
  readonly partition?: string;
  readonly bundles: string;
  readonly jobs: string;
  readonly json?: string;
}

interface ScaleOptions {
  readonly jobs: string;
  readonly failures: string;
  readonly inFlight: string;
  readonly seconds: string;
  readonly productions: string;
  readonly json?: string;
}

interface ScaleReport {
  readonly rows: SimulatedBench[];
  inFlight: InFlightBench | null;
  shares: SharesBench | null;
}
