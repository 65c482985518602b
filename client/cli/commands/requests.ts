import type { Command } from 'commander';
import type { CommandAnswer } from '../../../domain/command.js';
import type { ProductionRequest } from '../../temporal/request.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { examples, textArgument, wholeNumber, type Invocation } from '../invocation.js';
import { classOption, jobsOption, selected, type JobOptions } from '../job-options.js';
import type { Session } from '../session.js';
import { safe } from '../text.js';

const REQUESTS = [
  ['pause', 'start no more jobs; those that run go on', 'the storage is full'],
  ['resume', 'go on after a pause, or approve good scouts', 'the storage has room'],
  [
    'finish',
    'start no more jobs, and complete with what there is: the events of jobs that wait will be missing',
    'enough for the conference',
  ],
  ['cancel', 'end all jobs and remove what unfinished ones left', 'wrong global tag'],
  [
    'rescout',
    'scout a rejected production again with the same definition',
    'the site was to blame',
  ],
] as const;

/** Those that may mean a part of the jobs. */
const SELECTING = [
  [
    'release',
    'try parked jobs and held blocks again',
    '--class memory',
    'the software is repaired',
  ],
  ['waive', 'give parked jobs up: their events will be missing', '--jobs 3,5-9', 'good enough'],
  ['kill', 'end jobs for good: their events will be missing', '--jobs 3,5-9', 'they never end'],
] as const;

/** `fabrica pause|resume|finish|cancel|rescout|release|waive|kill|reprioritize`: what a person may ask of a production. */
export function addRequests(program: Command, invocation: Invocation): void {
  for (const [kind, description, why] of REQUESTS) {
    program
      .command(kind)
      .description(description)
      .argument('<name>', 'name of the production')
      .option('--why <text>', 'for the event log')
      .addHelpText('after', examples(`fabrica ${kind} mumu --why '${why}'`))
      .action(
        invocation.action<{ why?: string }>(async (session, options, args) =>
          ask(session, textArgument(args, 0), { kind, why: options.why ?? '' }),
        ),
      );
  }
  for (const [kind, description, part, why] of SELECTING) {
    program
      .command(kind)
      .description(description)
      .argument('<name>', 'name of the production')
      .addOption(jobsOption())
      .addOption(classOption())
      .option('--site <site>', 'whose latest attempt was at this site')
      .option('--why <text>', 'for the event log')
      .addHelpText('after', examples(`fabrica ${kind} mumu ${part} --why '${why}'`))
      .action(
        invocation.action<JobOptions & { why?: string }>(async (session, options, args) => {
          const name = textArgument(args, 0);
          await session.production(name);
          const chosen = await selected(session, options);
          return ask(session, name, { kind, why: options.why ?? '', ...chosen });
        }),
      );
  }
  program
    .command('reprioritize')
    .description('change the priority of a production, from now on')
    .argument('<name>', 'name of the production')
    .argument('<priority>', '1 (lowest) to 10 (highest)', wholeNumber(1, 10))
    .option('--why <text>', 'for the event log')
    .addHelpText(
      'after',
      examples("fabrica reprioritize mumu 8 --why 'for the summer conferences'"),
    )
    .action(
      invocation.action<{ why?: string }>(async (session, options, args) =>
        ask(session, textArgument(args, 0), {
          kind: 'reprioritize',
          why: options.why ?? '',
          value: Number(args[1]),
        }),
      ),
    );
}

/** Sends a request and answers what came of it, once `then` has waited for what follows. */
export async function ask(
  session: Session,
  name: string,
  request: Omit<ProductionRequest, 'who'>,
  then: () => Promise<ExitCode> = async () => EXIT.ok,
): Promise<ExitCode> {
  // An unknown name is told without Temporal.
  await session.production(name);
  const { who } = session.terminal;
  const tell = (message: string): void => session.remark(message);
  const { client } = await session.temporal();
  const catalog = await session.catalog();
  const { requestOf } = await import('../../temporal/request.js');
  const answer = await requestOf(name, { ...request, who }, { client, catalog, tell });
  const code = await then();
  const { priority, reason, state } = await session.production(name);
  const now = { ...answer, priority, reason, state };
  session.answer(now, sentence(now));
  return code;
}

function sentence({
  message,
  outcome,
  priority,
  production,
  reason,
  state,
}: CommandAnswer): string {
  const now = `Production ${production} is ${state}, priority ${priority}${reason === '' ? '' : ` (${safe(reason, 300)})`}.`;
  const what = safe(message, 2000);
  return outcome === 'already'
    ? `${now} Nothing had to be changed: ${what}.`
    : `${what.charAt(0).toUpperCase()}${what.slice(1)}.\n${now}`;
}
