import type { Command } from 'commander';
import { findFile, listFinalFiles, type FilePage } from '../../../catalog/views/file-list.js';
import { quoted } from '../../../domain/problem.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';
import { safe } from '../text.js';

/** `fabrica replicas`: where files lie. */
export function addReplicas(program: Command, invocation: Invocation): void {
  program
    .command('replicas')
    .description('tell where the final files of a production, or one file, lie')
    .argument('<name|lfn>', 'name of a production, or an LFN (begins with /)')
    .addOption(limitOption(100))
    .addHelpText('after', examples('fabrica replicas mumu', 'fabrica replicas /belle/MC/...'))
    .action(
      invocation.action<{ limit: number }>(async (session, { limit }, args) => {
        const wanted = textArgument(args, 0);
        const { files, more } = await filesOf(session, wanted, limit);
        const rows = files.flatMap((file) =>
          file.replicas.map((replica): Cell[] => [
            replica.storage,
            { text: replica.state, paint: stateStyle(session.style, replica.state) },
            file.adler32,
            file.events,
            file.size,
            replica.path,
          ]),
        );
        const head = ['storage', 'state', 'adler32', 'events', 'bytes', 'path'];
        const none = wanted.startsWith('/')
          ? `No replica of ${quoted(wanted)} is catalogued.`
          : `${wanted} has no final files yet.`;
        const [one] = files;
        const lineage = lfnList('made from', one?.parents) + lfnList('made into', one?.children);
        const page = rows.length === 0 ? none : session.table(head, rows);
        session.answer({ files, more }, `${page}${lineage}`);
        if (more) session.remark(`(there are more than ${limit} files: --limit)`);
        return wanted.startsWith('/') && rows.length === 0 ? EXIT.negative : EXIT.ok;
      }),
    );
}

function lfnList(title: string, lfns: readonly string[] = []): string {
  return lfns.length === 0 ? '' : `\n\n${title}\n${lfns.map((lfn) => `  ${safe(lfn)}`).join('\n')}`;
}

/** The file of an LFN; of a production its final files. */
async function filesOf(session: Session, wanted: string, limit: number): Promise<FilePage> {
  const catalog = await session.catalog();
  if (wanted.startsWith('/')) {
    const file = await catalog.read((db) => findFile(db, wanted));
    return { files: file === null ? [] : [file], more: false };
  }
  const production = await session.production(wanted);
  return catalog.read((db) => listFinalFiles(db, production, limit));
}
