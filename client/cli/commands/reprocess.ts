import { Option, type Command } from 'commander';
import { planReprocess } from '../../../activities/control/reprocess-plan.js';
import {
  invalid,
  refusedError,
  type CommandEffect,
} from '../../../activities/control/command-effect.js';
import { unplanned, whyKept, whyNot } from '../../../activities/control/reprocess.js';
import { FabricaError } from '../../../domain/errors.js';
import { parseSelection } from '../../../domain/selection.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { jobsOption, selected, timeBefore } from '../job-options.js';
import { reprocessPage, reprocessRun } from '../pages/reprocess-dry-run.js';
import type { Session } from '../session.js';
import { ask } from './requests.js';

interface ReprocessOptions {
  readonly jobs?: string;
  readonly files?: readonly string[];
  readonly site?: string;
  readonly since?: number;
  readonly dryRun?: boolean;
  readonly why?: string;
}

/** `fabrica reprocess`: runs jobs of a production again. */
export function addReprocess(program: Command, invocation: Invocation): void {
  const { clock } = invocation.terminal;
  program
    .command('reprocess')
    .description('run jobs again with the same seeds, and replace their merged files')
    .argument('<name>', 'name of the production')
    .addOption(jobsOption())
    .option(
      '--files <lfn...>',
      'the jobs that these files were made from, or those in these folders',
    )
    .option('--site <site>', 'whose accepted attempt was at this site')
    .addOption(
      new Option('--since <time>', 'whose accepted attempt ended since').argParser(
        timeBefore(() => clock.now()),
      ),
    )
    .option('--dry-run', 'tell which jobs and files are affected, and change nothing')
    .option('--why <text>', 'for the event log')
    .addHelpText(
      'after',
      examples(
        'fabrica reprocess mumu --jobs 3,5-9 --dry-run',
        "fabrica reprocess mumu --site KMI --since 2026-03-01T12:00 --why 'a bad disk'",
      ),
    )
    .action(
      invocation.action<ReprocessOptions>(async (session, options, args) => {
        const name = textArgument(args, 0);
        const { dryRun, why = '', ...chosen } = options;
        const { state } = await session.production(name);
        const { select } = await selected(session, chosen);
        if (select === undefined) {
          throw new FabricaError(
            'FABRICA_COMMAND_LINE',
            `It must be told what of ${name} runs again: --jobs, --files, --site or --since.`,
            { production: name },
          );
        }
        if (dryRun === true) return tellOnly(session, name, select);
        // What is sure to be refused does not start the workflow of a production that has ended.
        if (state !== 'Active') await planned(session, name, select);
        return ask(session, name, { kind: 'reprocess', why, select });
      }),
    );
}

async function tellOnly(
  session: Session,
  name: string,
  select: Readonly<Record<string, unknown>>,
): Promise<ExitCode> {
  const run = reprocessRun(name, await planned(session, name, select));
  session.answer(run, reprocessPage(run));
  return EXIT.ok;
}

/** What would be done, by the same rules; throws `FABRICA_COMMAND_REFUSED` or `FABRICA_COMMAND_INVALID` with the reason and what helps. */
async function planned(session: Session, name: string, select: Readonly<Record<string, unknown>>) {
  const production = await session.production(name);
  const heed = (answer: CommandEffect | null): void => {
    if (answer !== null) throw refusedError(name, 'reprocess', answer);
  };
  heed(whyNot(production));
  const parsed = parseSelection(select);
  if ('problem' in parsed) throw refusedError(name, 'reprocess', invalid(parsed.problem));
  const catalog = await session.catalog();
  const plan = await catalog.read((db) => planReprocess(db, production, parsed.selection));
  if ('problem' in plan) throw refusedError(name, 'reprocess', unplanned(plan));
  heed(await catalog.read((db) => whyKept(db, production, parsed.selection, plan)));
  return plan;
}
