import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchLocal } from './local.js';
import { benchSimulated } from './simulated.js';

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
    const result = await benchSimulated(size);
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

await program.parseAsync();
