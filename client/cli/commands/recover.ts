import type { Command } from 'commander';
import { EXIT } from '../exit-code.js';
import { examples, type Invocation } from '../invocation.js';

/** `fabrica recover`: restarts what the catalog calls live and Temporal does not have. */
export function addRecover(program: Command, invocation: Invocation): void {
  program
    .command('recover')
    .description('start the workflows of live productions that Temporal does not have (any more)')
    .addHelpText(
      'after',
      `\nFor a lost Temporal database or terminated workflows. Doing it twice changes nothing.\n${examples('fabrica recover')}`,
    )
    .action(
      invocation.action<object>(async (session) => {
        const catalog = await session.catalog();
        const { client } = await session.temporal();
        const { restartLost } = await import('../../temporal/live-workflows.js');
        const { restarted, running } = await restartLost(catalog, client, session.terminal.who);
        const lines = [
          ...restarted.map((name) => `${session.style.good('started')}  ${name}`),
          ...running.map((name) => `${session.style.dim('runs')}     ${name}`),
        ];
        session.answer(
          { epoch: catalog.epoch, restarted, running },
          lines.length === 0
            ? 'No production is live: there is nothing to recover.'
            : lines.join('\n'),
        );
        return EXIT.ok;
      }),
    );
}
