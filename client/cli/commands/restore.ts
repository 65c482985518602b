import path from 'node:path';
import type { Command } from 'commander';
import { restoreCatalog } from '../../../catalog/restore.js';
import { StateDirectory } from '../../../worker/state-directory.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { timeText } from '../text.js';

/** `fabrica restore`: a backup in the place of the catalog. */
export function addRestore(program: Command, invocation: Invocation): void {
  program
    .command('restore')
    .description('put a backup of the catalog in its place; what is there now is kept beside it')
    .argument('<file>', 'what `fabrica backup` has written, or another copy of the catalog')
    .addHelpText(
      'after',
      '\nNo process may use the catalog. Afterwards start `fabrica up`, then run `fabrica recover`: it ends the jobs and removes the files' +
        ` that the backup knows nothing of.\n${examples('fabrica restore monday.db')}`,
    )
    .action(
      invocation.action<object>(async (session, _options, args) => {
        const { catalogFile, configuration, stateDirectory } = session.loaded;
        const backup = path.resolve(session.terminal.cwd, textArgument(args, 0));
        // Nobody starts meanwhile.
        const state = StateDirectory.open(stateDirectory, configuration.temporal.namespace);
        session.defer(async () => state.close());
        const { clock, who } = session.terminal;
        const done = await restoreCatalog({ backup, catalogFile, who, clock });
        const of = done.backup === null ? '' : `, as it was ${timeText(done.backup.at)}`;
        session.answer(
          { catalog: catalogFile, from: backup, ...done },
          [
            `${session.style.good('restored')}  ${catalogFile} from ${backup}${of}; epoch ${done.epoch}`,
            ...(done.replaced === null ? [] : [`kept      ${done.replaced}`]),
            'Now start `fabrica up`, then run `fabrica recover`. Nothing runs before that.',
          ].join('\n'),
        );
        return EXIT.ok;
      }),
    );
}
