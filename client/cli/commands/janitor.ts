import type { Command } from 'commander';
import type { Payment } from '../../../workflows/janitor.js';
import { EXIT } from '../exit-code.js';
import { examples, type Invocation } from '../invocation.js';
import { counted, safe } from '../text.js';

/** `fabrica janitor`: has the janitor run now. */
export function addJanitor(program: Command, invocation: Invocation): void {
  program
    .command('janitor')
    .description(
      'pay debts and start due sweeps now; it also runs by itself, as `janitor` in fabrica.yaml says',
    )
    .addHelpText(
      'after',
      `\nExit code 1 if some storage did not answer or refused.\n${examples('fabrica janitor')}`,
    )
    .action(
      invocation.action<object>(async (session) => {
        await session.catalog();
        const { client } = await session.temporal();
        const { runJanitor } = await import('../../temporal/janitor-run.js');
        const report = await runJanitor(client);
        const lines = report.payments.map(paymentText);
        if (lines.length === 0) lines.push('No debts.');
        if (report.sweeps.length > 0) lines.push(`Sweeps started: ${report.sweeps.join(', ')}`);
        session.answer(report, lines.join('\n'));
        return report.payments.every(({ failure }) => failure === '') ? EXIT.ok : EXIT.negative;
      }),
    );
}

function paymentText({ failure, paid, refused, storage }: Payment): string {
  const parts = [
    `${counted(paid, 'debt')} paid`,
    ...(refused > 0 ? [`${counted(refused, 'debt')} refused`] : []),
    ...(failure === '' ? [] : [safe(failure, 300)]),
  ];
  return `${storage}: ${parts.join('; ')}`;
}
