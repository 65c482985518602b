import type { Command } from 'commander';
import type { CommandKind } from '../../../domain/command.js';
import type { RequestAnswer } from '../../temporal/request.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { examples, textArgument, wholeNumber, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { safe } from '../text.js';
import { eventText } from '../watch/live-view.js';

const REQUESTS = [
  ['pause', 'start no more jobs; those that run go on', 'the storage is full'],
  ['resume', 'go on after a pause, or approve good scouts', 'the storage has room'],
  ['cancel', 'end all jobs and remove what unfinished ones left', 'wrong global tag'],
  ['release', 'try parked jobs and held blocks again', 'the software is repaired'],
  ['waive', 'give parked jobs up: their events will be missing', 'good enough'],
] as const;

/** `fabrica pause|resume|cancel|release|waive|reprioritize`: what a person may ask of a production. */
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
  request: { kind: Exclude<CommandKind, 'malformed'>; why: string; value?: number },
  then: () => Promise<ExitCode> = async () => EXIT.ok,
): Promise<ExitCode> {
  // An unknown name is told without Temporal.
  await session.production(name);
  const { clock, who } = session.terminal;
  const tell = (message: string): void => session.remark(message);
  const { client } = await session.temporal();
  const catalog = await session.catalog();
  const { requestOf } = await import('../../temporal/request.js');
  const answer = await requestOf(name, { ...request, who }, { client, catalog, clock, tell });
  const code = await then();
  const { priority, reason, state } = await session.production(name);
  const now = { ...answer, priority, reason, state };
  session.answer(now, sentence(now));
  return code;
}

function sentence(answer: RequestAnswer): string {
  const { changed, events, priority, production, reason, state } = answer;
  const now = `Production ${production} is ${state}, priority ${priority}${reason === '' ? '' : ` (${safe(reason, 300)})`}.`;
  return changed ? [...events.map(eventText), now].join('\n') : `${now} Nothing had to be changed.`;
}
