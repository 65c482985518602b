import type { Command } from 'commander';
import { allStorages } from '../../../catalog/resources.js';
import { listFindings, type FindingLine } from '../../../catalog/views/finding-list.js';
import type { SweepReport } from '../../../domain/sweep.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { checkStorageName } from '../known-names.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';
import { counted, countsText, grouped, safe } from '../text.js';

interface Options {
  readonly storage?: readonly string[];
  readonly production?: string;
  readonly checksums?: boolean;
  readonly repair?: boolean;
  readonly believeLost?: boolean;
  readonly limit: number;
}

/** `fabrica sweep`: compares storages with the catalog, both ways. */
export function addSweep(program: Command, invocation: Invocation): void {
  program
    .command('sweep')
    .description('compare storages with the catalog, both ways; find dark, lost and damaged files')
    .option('--storage <names...>', 'these storages only (default: all)')
    .option('--production <name>', 'files of this production only')
    .option('--checksums', 'read every catalogued file and compare its checksum')
    .option(
      '--repair',
      'remove dark files, copy lost and damaged ones anew, or have their jobs run again',
    )
    .option('--believe-lost', 'with --repair: also where most files of a storage are missing')
    .addOption(limitOption(100, 'show at most so many findings'))
    .addHelpText(
      'after',
      `\nExit code 0 if nothing is wrong (any more), 1 if something is or a storage did not answer.\n${examples(
        'fabrica sweep',
        'fabrica sweep --storage KEK-DISK KMI-DISK --checksums',
        'fabrica sweep --production mumu --repair',
      )}`,
    )
    .action(
      invocation.action<Options>(async (session, options) => {
        const storages = await chosen(session, options.storage);
        const production =
          options.production === undefined
            ? undefined
            : await session.production(options.production);
        const { client } = await session.temporal();
        const { sweepStorage } = await import('../../temporal/sweep-run.js');
        const begun = session.now;
        const sweeps = await Promise.all(
          storages.map(async (storage) =>
            sweepStorage(
              client,
              {
                ...{ storage, production: production?.name ?? null, who: session.terminal.who },
                checksums: options.checksums === true,
                repair: options.repair === true,
                believeLost: options.believeLost === true,
              },
              (message) => session.remark(message),
            ),
          ),
        );
        const catalog = await session.catalog();
        const { findings, more } = await catalog.read((db) =>
          listFindings(db, {
            ...{ storages, production: production?.id, limit: options.limit },
            repairedSince: begun,
          }),
        );
        session.answer({ sweeps, findings, more }, page(session, sweeps, findings));
        if (more) session.remark(`(there are more than ${options.limit} findings: --limit)`);
        const well =
          sweeps.every(({ failure }) => failure === '') &&
          findings.every(({ state }) => state === 'Repaired');
        return well ? EXIT.ok : EXIT.negative;
      }),
    );
}

async function chosen(session: Session, names?: readonly string[]): Promise<string[]> {
  if (names !== undefined) {
    for (const name of names) await checkStorageName(session, name);
    return [...new Set(names)];
  }
  const configured = new Set(session.configuration.storages.map(({ name }) => name));
  const rows = await (await session.catalog()).read(allStorages);
  return rows.map(({ name }) => name).filter((name) => configured.has(name));
}

function page(
  session: Session,
  sweeps: readonly SweepReport[],
  findings: readonly FindingLine[],
): string {
  const { style } = session;
  const rows = findings.map((one): Cell[] => [
    one.storage,
    one.kind,
    { text: one.state, paint: stateStyle(style, one.state) },
    one.state === 'Repaired' ? '-' : wouldDo(one),
    one.production,
    one.size,
    one.path,
    one.why,
  ]);
  const head = ['storage', 'kind', 'state', '--repair', 'production', 'bytes', 'path', 'why'];
  const lines = sweeps.map((one) => {
    const open = countsText(one.open);
    const parts = [
      `${counted(one.files, 'file')} looked at`,
      ...(one.foreign > 0
        ? [`${grouped(one.foreign)}${one.foreignMore ? ' or more' : ''} of others left alone`]
        : []),
      ...(one.repaired > 0 ? [`${grouped(one.repaired)} repaired`] : []),
      open === '' ? style.good('nothing is wrong') : style.bad(open),
      ...(one.failure === '' ? [] : [style.bad(`not finished: ${safe(one.failure, 300)}`)]),
    ];
    return `${one.storage}: ${parts.join(', ')}`;
  });
  return [...lines, ...(rows.length === 0 ? [] : ['', session.table(head, rows)])].join('\n');
}

/** What a repair would do. */
function wouldDo({ remedy }: FindingLine): string {
  if (remedy === 'upload') return 'needs submit';
  return remedy === 'wait' ? 'leaves it' : remedy;
}
