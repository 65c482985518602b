import type { Command } from 'commander';
import { listFiles } from '../../../catalog/views/file-list.js';
import { formatSize } from '../../../domain/quantity.js';
import { FILE_KINDS, type FileKind } from '../../../domain/states/file.js';
import { EXIT } from '../exit-code.js';
import { choice, examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';

interface FilesOptions {
  readonly level?: string;
  readonly kind?: FileKind;
  readonly gone?: boolean;
  readonly limit: number;
}

/** `fabrica files`: the files of a production. */
export function addFiles(program: Command, invocation: Invocation): void {
  program
    .command('files')
    .description('list the files of a production')
    .argument('<name>', 'name of the production')
    .option('--level <level>', 'of this data level only')
    .addOption(choice('--kind <kind>', 'of this kind only', FILE_KINDS))
    .option('--gone', 'also those that were removed or are invalid')
    .addOption(limitOption(100))
    .addHelpText('after', examples('fabrica files mumu --kind merged', 'fabrica files mumu --gone'))
    .action(
      invocation.action<FilesOptions>(async (session, options, args) => {
        const production = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const answer = await catalog.read((db) => listFiles(db, production.id, options));
        const rows = answer.files.map((file): Cell[] => [
          file.kind,
          file.level,
          { text: file.state, paint: stateStyle(session.style, file.state) },
          formatSize(file.size),
          file.adler32,
          file.events,
          file.replicas.map(({ storage }) => storage).join(' ') || '-',
          file.lfn,
        ]);
        const head = ['kind', 'level', 'state', 'size', 'adler32', 'events', 'storages', 'LFN'];
        session.answer(answer, rows.length === 0 ? 'No such files.' : session.table(head, rows));
        if (answer.more) session.remark(`(there are more than ${options.limit}: --limit)`);
        return EXIT.ok;
      }),
    );
}
