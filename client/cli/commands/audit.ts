import type { Command } from 'commander';
import { unrecovered } from '../../../catalog/epochs.js';
import { FabricaError } from '../../../domain/errors.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { safe } from '../text.js';
import { clause } from '../../../domain/clause.js';

/** `fabrica audit`: what was asked, what the catalog says and what the storages hold, compared. */
export function addAudit(program: Command, invocation: Invocation): void {
  program
    .command('audit')
    .description('compare a production with the catalog and with every storage; name what differs')
    .argument('<name>', 'name of the production')
    .addHelpText(
      'after',
      `\nExit code 0 if nothing differs, 1 if something does.\n${examples('fabrica audit mumu')}`,
    )
    .action(
      invocation.action<object>(async (session, _options, args) => {
        const { name } = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const { epoch } = catalog;
        const held = await catalog.read(unrecovered);
        if (held !== null) {
          const why = `Nothing can be audited since a restore: ${clause(held.why)}.`;
          throw new FabricaError('FABRICA_CATALOG_EPOCH', why);
        }
        const { client } = await session.temporal();
        const { auditProduction } = await import('../../temporal/audit-run.js');
        const answer = await auditProduction(client, { epoch, production: name });
        const { style } = session;
        const lines = answer.discrepancies.map(
          ({ kind, text }) => `${style.bad(kind.padEnd(10))} ${safe(text)}`,
        );
        const verdict = answer.passed ? style.good('audit passed') : style.bad('audit failed');
        session.answer(
          { production: name, ...answer },
          [...lines, `${verdict}: ${safe(answer.reason)}`].join('\n'),
        );
        return answer.passed ? EXIT.ok : EXIT.negative;
      }),
    );
}
