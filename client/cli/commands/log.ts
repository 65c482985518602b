import type { Command } from 'commander';
import { viewJob, type AttemptView } from '../../../catalog/views/job-view.js';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, wholeNumber, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { safe, safeLines } from '../text.js';
import { LARGEST_JOB } from './job.js';

/** s for a site to answer. */
const PATIENCE = 5;

/** `fabrica log`: what an attempt of a job wrote. */
export function addLog(program: Command, invocation: Invocation): void {
  program
    .command('log')
    .description('print the log of a job: from its site, else the end that the catalog has kept')
    .argument('<name>', 'name of the production')
    .argument('<job>', 'number of the job', wholeNumber(1, LARGEST_JOB))
    .option('--attempt <k>', 'of this attempt (default: the latest)', wholeNumber(1, 999))
    .addHelpText('after', examples('fabrica log mumu 17', 'fabrica log mumu 17 --attempt 1'))
    .action(
      invocation.action<{ attempt?: number }>(async (session, options, args) => {
        const production = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const job = await catalog.read((db) => viewJob(db, production, Number(args[1])));
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
        const { text, source, note } = await logOf(session, { ...key, attempt: number }, attempt);
        if (note !== '') session.remark(safe(note));
        session.answer(
          { ...key, attempt: number, site: attempt.site, source, log: text },
          text === null ? '' : safeLines(text.trimEnd()),
        );
        return text === null ? EXIT.negative : EXIT.ok;
      }),
    );
}

interface FoundLog {
  readonly text: string | null;
  readonly source: 'site' | 'catalog' | null;
  readonly note: string;
}

async function logOf(
  session: Session,
  key: { epoch: string; production: string; job: number; attempt: number },
  attempt: AttemptView,
): Promise<FoundLog> {
  let note = `(the site ${attempt.site} has no log of it any more)`;
  try {
    const { client } = await session.temporal();
    const { standaloneActivities } = await import('../../temporal/standalone-activities.js');
    const text = await standaloneActivities(client).site(attempt.site, 'readLog', key, PATIENCE);
    if (text !== null) return { text, source: 'site', note: '' };
  } catch (error) {
    note = `(the site ${attempt.site} can not be asked: ${messageOf(error)})`;
  }
  if (attempt.logTail === '') {
    return { text: null, source: null, note: `${note}; the catalog has kept none` };
  }
  return {
    text: attempt.logTail,
    source: 'catalog',
    note: `${note}; this is the end that the catalog has kept`,
  };
}
