import type { Command } from 'commander';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { watchProduction } from '../watch/watch-production.js';

/** `fabrica watch`: a production until it ends. */
export function addWatch(program: Command, invocation: Invocation): void {
  program
    .command('watch')
    .description('watch a production until it ends: stages, rates, failures, time left')
    .argument('<name>', 'name of the production')
    .addHelpText(
      'after',
      `\nExit code 0 if it is Completed, 1 if it ended otherwise, 130 if interrupted; the production goes on.` +
        `\n${examples('fabrica watch mumu', 'fabrica watch mumu --json | jq .state')}`,
    )
    .action(
      invocation.action<object>(async (session, _options, args) => {
        const name = textArgument(args, 0);
        await session.production(name);
        return watchProduction(session, name);
      }),
    );
}
