import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchLocal } from './local.js';
import { benchSimulated, type SimulatedBench } from './simulated.js';

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
  .description('productions of several sizes on the example grid, 5 % of the attempts fail')
  .option('--jobs <list>', 'numbers of jobs, one production each', '10000,100000,1000000')
  .option('--failures <share>', 'how likely an attempt fails, 0 to 0.9', '0.05')
  .option('--json <file>', 'write the figures here as well')
  .action(async (options: { jobs: string; failures: string; json?: string }) => {
    const rows: SimulatedBench[] = [];
    for (const jobs of options.jobs.split(',').map(Number)) {
      const failures = Number(options.failures);
      const row = await benchSimulated({ jobs, failures, dying: false, backoff: 1 });
      rows.push(row);
      console.log(scaleRow(row));
      if (options.json !== undefined) {
        writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
      }
    }
  });

await program.parseAsync();

/** `100000 jobs: 415 jobs/s, CPU 4.24 ms per job (temporal 1.9, control 1.7, site 0.6), ...` */
function scaleRow(row: SimulatedBench): string {
  const by = Object.entries(row.cpuMsBy)
    .map(([name, ms]) => `${name} ${(ms / row.jobs).toFixed(2)}`)
    .join(', ');
  return [
    `${row.jobs} jobs: ${row.jobsPerSecond.toFixed(0)} jobs/s`,
    `CPU ${row.cpuPerJobMs.toFixed(2)} ms per job (${by})`,
    `control ${row.controlRssMb.toFixed(0)} MB at most`,
    `catalog ${row.catalogBytesPerJob.toFixed(0)} bytes per job`,
    `${(row.attempts / row.bundles).toFixed(0)} attempts per bundle`,
    `largest history ${row.largestHistoryEvents} events, ${(row.largestHistoryBytes / 1e6).toFixed(1)} MB`,
  ].join(', ');
}
