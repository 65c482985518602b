import type { Command } from 'commander';
import { productionWorkflowId } from '../../../domain/names.js';
import { confirmed } from '../confirmation.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { ask } from './requests.js';

interface Options {
  readonly yes?: boolean;
  readonly wait?: boolean;
  readonly why?: string;
}

/** `fabrica clean`: removes everything of a production that has ended. */
export function addClean(program: Command, invocation: Invocation): void {
  program
    .command('clean')
    .description('remove all files of a production that has ended; only its record stays')
    .argument('<name>', 'name of the production')
    .option('--yes', 'do not ask')
    .option('--wait', 'until the removals are confirmed, or listed as debts')
    .option('--why <text>', 'for the event log')
    .addHelpText('after', examples("fabrica clean mumu --why 'superseded by mumu2'"))
    .action(
      invocation.action<Options>(async (session, options, args) => {
        const name = textArgument(args, 0);
        const { state } = await session.production(name);
        await confirmed(
          session.terminal,
          `All files of ${name} (${state}) are removed from every storage, for ever. Go on?`,
          options.yes === true,
        );
        const { client } = await session.temporal();
        return ask(session, name, { kind: 'clean', why: options.why ?? '' }, async () => {
          if (options.wait !== true) return EXIT.ok;
          const outcome: unknown = await client.workflow
            .getHandle(productionWorkflowId(name))
            .result();
          const cleaned = (outcome as { state?: unknown } | null)?.state === 'Cleaned';
          return cleaned ? EXIT.ok : EXIT.negative;
        });
      }),
    );
}
