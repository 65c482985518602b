import type { Command } from 'commander';
import { examples, type Invocation } from '../invocation.js';

/** `fabrica quickstart`: the example from nothing to its end. */
export function addQuickstart(program: Command, invocation: Invocation): void {
  program
    .command('quickstart')
    .description('start everything, run the example production to its end, and shut down')
    .addHelpText('after', examples('npm start', 'fabrica quickstart --state /tmp/try'))
    .action(
      invocation.action<object>(async (session) => {
        const { quickstart } = await import('../../quickstart/quickstart.js');
        return quickstart(session);
      }),
    );
}
