import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { backUp } from '../../../catalog/backup.js';
import { formatSize } from '../../../domain/quantity.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { timeText } from '../text.js';

/** A backup that takes longer tells how far it is, so often. ms. */
const TELL_EVERY = 2_000;

/** `fabrica backup`: the catalog as it is now, in a file of its own. */
export function addBackup(program: Command, invocation: Invocation): void {
  program
    .command('backup')
    .description('write the catalog to a file, while everything runs')
    .argument('<file>', 'file to write, or a directory for one named after the time')
    .option('--force', 'replace the file if it is there already')
    .addHelpText(
      'after',
      `\nIt holds what was so when it began, and is checked before it appears. \`fabrica restore\` puts it back.` +
        `\n${examples('fabrica backup /backup/', 'fabrica backup monday.db --force')}`,
    )
    .action(
      invocation.action<{ force?: true }>(async (session, options, args) => {
        const catalog = await session.catalog();
        const target = targetOf(textArgument(args, 0), session);
        let told = session.now;
        const made = await backUp(catalog, target, {
          replace: options.force === true,
          tell: (share) => {
            if (session.now - told < TELL_EVERY) return;
            told = session.now;
            session.remark(`${Math.floor(100 * share)} % copied`);
          },
        });
        session.answer(
          made,
          `${made.file}: ${formatSize(made.size)}, epoch ${made.epoch}, up to entry ${made.event} of the event log, ${timeText(made.at)}`,
        );
        return EXIT.ok;
      }),
    );
}

function targetOf(given: string, session: Session): string {
  const target = path.resolve(session.terminal.cwd, given);
  if (!existsSync(target) || !statSync(target).isDirectory()) return target;
  const date = new Date(session.now).toISOString().slice(0, 19).replaceAll(':', '');
  return path.join(target, `catalog-${date}Z.db`);
}
