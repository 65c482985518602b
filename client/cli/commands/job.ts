import type { Command } from 'commander';
import { viewJob } from '../../../catalog/views/job-view.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, wholeNumber, type Invocation } from '../invocation.js';
import { jobPage } from '../pages/job-page.js';
import { jobSentence } from '../pages/job-sentence.js';

/** The largest number that the LFN's task field holds. */
export const LARGEST_JOB = 99_999_999;

/** `fabrica job`: everything about one job. */
export function addJob(program: Command, invocation: Invocation): void {
  program
    .command('job')
    .description('show one job: why it is where it is, its attempts, its outputs')
    .argument('<name>', 'name of the production')
    .argument('<number>', 'number of the job', wholeNumber(1, LARGEST_JOB))
    .addHelpText('after', examples('fabrica job mumu 17'))
    .action(
      invocation.action<object>(async (session, _options, args) => {
        const production = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const job = await catalog.read((db) =>
          viewJob(db, production, Number(args[1]), session.now),
        );
        const sentence = jobSentence(job, production, session.now);
        session.answer({ ...job, why: sentence }, jobPage(job, sentence, session));
        return EXIT.ok;
      }),
    );
}
