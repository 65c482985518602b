import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchLocal } from './local.js';

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

await program.parseAsync();
