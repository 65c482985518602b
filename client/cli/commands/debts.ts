import type { Command } from 'commander';
import { listDebts } from '../../../catalog/views/debt-list.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { checkStorageName } from '../known-names.js';
import type { Cell } from '../table.js';
import { timeText } from '../text.js';

interface Options {
  readonly storage?: string;
  readonly limit: number;
}

/** `fabrica debts`: what is still to be removed from storages that did not answer. */
export function addDebts(program: Command, invocation: Invocation): void {
  program
    .command('debts')
    .description('list what still lies on storages that did not answer, and when it is tried again')
    .argument('[name]', 'name of a production (default: all)')
    .option('--storage <name>', 'on this storage only')
    .addOption(limitOption(100))
    .addHelpText('after', examples('fabrica debts', 'fabrica debts mumu --storage KMI-TMP'))
    .action(
      invocation.action<Options>(async (session, { limit, storage }, args) => {
        const name = textArgument(args, 0);
        const production = name === '' ? undefined : (await session.production(name)).id;
        if (storage !== undefined) await checkStorageName(session, storage);
        const catalog = await session.catalog();
        const filter = { production, storage, limit };
        const answer = await catalog.read((db) => listDebts(db, filter));
        const rows = answer.debts.map((debt): Cell[] => [
          debt.production,
          debt.storage,
          debt.shape,
          timeText(debt.sinceAt),
          debt.tries,
          debt.nextAt === null ? 'next run' : timeText(debt.nextAt),
          debt.path,
          debt.why,
        ]);
        const head = [
          'production',
          'storage',
          'shape',
          'since',
          'tries',
          'next try',
          'path',
          'why',
        ];
        session.answer(answer, rows.length === 0 ? 'No debts.' : session.table(head, rows));
        if (answer.more) session.remark(`(there are more than ${limit}: --limit)`);
        return EXIT.ok;
      }),
    );
}
