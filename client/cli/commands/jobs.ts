import type { Command } from 'commander';
import { listJobs } from '../../../catalog/views/job-list.js';
import { FAILURE_CLASSES, type FailureClass } from '../../../domain/failure-class.js';
import { JOB_STATES, type JobState } from '../../../domain/states/job.js';
import { EXIT } from '../exit-code.js';
import { choice, examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { checkSiteName } from '../known-names.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';

interface JobsOptions {
  readonly state?: JobState;
  readonly class?: FailureClass;
  readonly site?: string;
  readonly limit: number;
}

/** `fabrica jobs`: the jobs of a production. */
export function addJobs(program: Command, invocation: Invocation): void {
  program
    .command('jobs')
    .description('list the jobs of a production')
    .argument('<name>', 'name of the production')
    .addOption(choice('--state <state>', 'in this state only', JOB_STATES))
    .addOption(choice('--class <class>', 'with an attempt that failed so', FAILURE_CLASSES))
    .option('--site <site>', 'whose latest attempt is at this site')
    .addOption(limitOption(100))
    .addHelpText(
      'after',
      examples('fabrica jobs mumu --state Parked', 'fabrica jobs mumu --class memory --site KMI'),
    )
    .action(
      invocation.action<JobsOptions>(async (session, options, args) => {
        const production = await session.production(textArgument(args, 0));
        if (options.site !== undefined) await checkSiteName(session, options.site);
        const catalog = await session.catalog();
        const answer = await catalog.read((db) => listJobs(db, production.id, options));
        const rows = answer.jobs.map((job): Cell[] => [
          String(job.job),
          job.kind,
          { text: job.state, paint: stateStyle(session.style, job.state) },
          job.block,
          job.events,
          job.attempt,
          job.site,
          job.class,
          job.exitCode,
          job.reason,
        ]);
        const head = [
          'job',
          'kind',
          'state',
          'block',
          'events',
          'attempt',
          'site',
          'class',
          'exit',
        ];
        session.answer(
          answer,
          rows.length === 0 ? 'No such jobs.' : session.table([...head, 'reason'], rows),
        );
        if (answer.more) session.remark(`(there are more than ${options.limit}: --limit)`);
        return EXIT.ok;
      }),
    );
}
