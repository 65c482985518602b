import type { Command } from 'commander';
import { viewJob } from '../../../catalog/views/job-view.js';
import { FabricaError } from '../../../domain/errors.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, wholeNumber, type Invocation } from '../invocation.js';
import { findLog, type FoundLog } from '../found-log.js';
import { safe, safeLines } from '../text.js';
import { LARGEST_JOB } from './job.js';

/** `fabrica log`: what an attempt of a job wrote. */
export function addLog(program: Command, invocation: Invocation): void {
  program
    .command('log')
    .description(
      'print the log of a job: from its site, from its archive, or the end that the catalog has kept',
    )
    .argument('<name>', 'name of the production')
    .argument('<job>', 'number of the job', wholeNumber(1, LARGEST_JOB))
    .option('--attempt <k>', 'of this attempt (default: the latest)', wholeNumber(1, 999))
    .option('--head', 'of a long log the beginning (default: the end)')
    .addHelpText('after', examples('fabrica log mumu 17', 'fabrica log mumu 17 --attempt 1 --head'))
    .action(
      invocation.action<{ attempt?: number; head?: true }>(async (session, options, args) => {
        const production = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const job = await catalog.read((db) =>
          viewJob(db, production, Number(args[1]), session.now),
        );
        const number = options.attempt ?? job.attempt;
        const attempt = job.attempts.find((one) => one.attempt === number);
        if (attempt === undefined) {
          throw new FabricaError(
            'FABRICA_JOB_UNKNOWN',
            number === 0
              ? `Job ${job.job} of ${production.name} has had no attempt yet.`
              : `Job ${job.job} of ${production.name} has no attempt ${number}; there are ${job.attempts.length}.`,
            { production: production.name, job: job.job },
            { remedy: `\`fabrica job ${production.name} ${job.job}\` shows its attempts.` },
          );
        }
        const key = { epoch: catalog.epoch, production: production.name, job: job.job };
        const part = options.head === true ? 'head' : 'tail';
        const found = await findLog(session, { ...key, attempt: number, part }, attempt);
        for (const note of found.notes) session.remark(safe(note));
        session.answer(
          { ...key, attempt: number, part, site: attempt.site, ...documentOf(found) },
          found.log === null ? '' : safeLines(found.log.text.trimEnd()),
        );
        return found.log === null ? EXIT.negative : EXIT.ok;
      }),
    );
}

function documentOf({ log, source }: FoundLog): object {
  return {
    source,
    log: log?.text ?? null,
    size: log?.size ?? null,
    shown: log?.shown ?? null,
  };
}
