import type { Command } from 'commander';
import { storedFiles } from '../../../activities/control/stored-files.js';
import type { Catalog, Db } from '../../../catalog/catalog.js';
import { revisionOf, type ProductionRow } from '../../../catalog/productions.js';
import { listFiles, listNamedFiles, type FilePage } from '../../../catalog/views/file-list.js';
import { levelsOf } from '../../../domain/definition.js';
import { FabricaError } from '../../../domain/errors.js';
import { quoted } from '../../../domain/problem.js';
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
        const answer = await catalog.read((db) =>
          ofPayload(options)
            ? listPayload(db, production, options)
            : listFiles(db, production.id, options),
        );
        if (answer.files.length === 0 && options.level !== undefined) {
          await checkLevel(catalog, production, options.level);
        }
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

function ofPayload({ kind, level }: FilesOptions): boolean {
  return kind === 'sandbox' || (kind === undefined && level === SANDBOX_LEVEL);
}

/** Payload files and lists of a definition, which other productions may share. */
async function listPayload(
  db: Db,
  production: ProductionRow,
  options: FilesOptions,
): Promise<FilePage> {
  const { definition } = await revisionOf(db, production);
  const lfns = storedFiles(definition).map(({ lfn }) => lfn);
  return listNamedFiles(db, lfns, options);
}

/** Throws `FABRICA_COMMAND_LINE`, with the levels there are, for one that the production does not make. */
async function checkLevel(
  catalog: Catalog,
  production: ProductionRow,
  level: string,
): Promise<void> {
  const { definition } = await catalog.read((db) => revisionOf(db, production));
  const levels = levelsOf(definition);
  if ([...levels, SANDBOX_LEVEL].includes(level)) return;
  throw new FabricaError(
    'FABRICA_COMMAND_LINE',
    `--level: ${production.name} has no data level ${quoted(level)}; it has ${levels.join(', ')}.`,
    { production: production.name },
    { remedy: 'Name one of these, or leave --level out.' },
  );
}

/** The level of payload files in the catalog. */
const SANDBOX_LEVEL = 'sandbox';
