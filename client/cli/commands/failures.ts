import type { Command } from 'commander';
import type { Catalog } from '../../../catalog/catalog.js';
import { listFailures, type FailureView } from '../../../catalog/views/failure-list.js';
import {
  failureCells,
  failuresByBlock,
  failuresByClass,
  failuresByHour,
  failuresByProduction,
  type FailureFilter,
  type FailureGroup,
} from '../../../catalog/views/failure-table.js';
import { FAILURE_STEPS, type FailureStep } from '../../../domain/bundle.js';
import { FabricaError } from '../../../domain/errors.js';
import { FAILURE_CLASSES, type FailureClass } from '../../../domain/failure-class.js';
import { formatDuration } from '../../../domain/quantity.js';
import { EXIT } from '../exit-code.js';
import {
  choice,
  duration,
  examples,
  limitOption,
  textArgument,
  type Invocation,
} from '../invocation.js';
import { crossTable } from '../pages/cross-table.js';
import type { Session } from '../session.js';
import { checkSiteName } from '../known-names.js';
import type { Cell } from '../table.js';
import { countsText, timeText } from '../text.js';

type By = 'class' | 'site' | 'block' | 'production' | 'hour';
const BY: readonly By[] = ['class', 'site', 'block', 'production', 'hour'];

interface FailuresOptions {
  readonly by: By;
  readonly class?: FailureClass;
  readonly site?: string;
  readonly step?: FailureStep;
  /** s. */
  readonly since?: number;
  readonly attempts?: true;
  readonly limit: number;
}

/** Filtered down to so many, the attempts themselves are listed as well. */
const FEW = 20;

/** `fabrica failures`: what went wrong, where, and whom it is blamed on. */
export function addFailures(program: Command, invocation: Invocation): void {
  program
    .command('failures')
    .description('count the failed attempts of a production, or of all, and list them')
    .argument('[name]', 'name of the production (default: all productions)')
    .addOption(choice('--by <what>', 'rows of the table', BY).default('class'))
    .addOption(choice('--class <class>', 'that failed so', FAILURE_CLASSES))
    .option('--site <site>', 'at this site')
    .addOption(choice('--step <step>', 'that failed there', FAILURE_STEPS))
    .option('--since <duration>', 'that ended since so long ago, such as 2h', duration)
    .option(
      '--attempts',
      `list the attempts themselves (always, if a filter leaves ${FEW} or less)`,
    )
    .addOption(limitOption(100, 'list at most so many attempts'))
    .addHelpText(
      'after',
      examples(
        'fabrica failures mumu',
        'fabrica failures --since 2h --by site',
        'fabrica failures mumu --class node --site KMI --attempts',
      ),
    )
    .action(
      invocation.action<FailuresOptions>(async (session, options, args) => {
        const name = textArgument(args, 0);
        const filter = await filterOf(session, name, options);
        const catalog = await session.catalog();
        const { document, text, attempts } = await TABLES[options.by](session, catalog, filter);
        const listed = await listOf(catalog, filter, options, attempts);
        const production = name === '' ? null : name;
        session.answer(
          { production, by: options.by, ...document, ...listed },
          attempts === 0
            ? nothingFailed(name, options)
            : [
                text,
                ...(listed === null ? [] : [attemptTable(session, listed.attempts, name)]),
              ].join('\n\n'),
        );
        if (listed?.more === true) {
          session.remark(`(there are more than ${options.limit} attempts: --limit)`);
        }
        return EXIT.ok;
      }),
    );
}

async function filterOf(
  session: Session,
  name: string,
  { by, class: failure, site, since, step }: FailuresOptions,
): Promise<FailureFilter> {
  if (by === 'block' && name === '') {
    throw new FabricaError(
      'FABRICA_COMMAND_LINE',
      'Blocks belong to a production: --by block needs the name of one.',
      {},
      { remedy: 'Name a production: `fabrica failures NAME --by block`.' },
    );
  }
  const production = name === '' ? undefined : (await session.production(name)).id;
  if (site !== undefined) await checkSiteName(session, site);
  return {
    production,
    class: failure,
    site,
    step,
    since: since === undefined ? undefined : session.now - 1000 * since,
  };
}

async function listOf(
  catalog: Catalog,
  filter: FailureFilter,
  { attempts: asked, class: failure, limit, site, since, step }: FailuresOptions,
  attempts: number,
): Promise<{ attempts: FailureView[]; more: boolean } | null> {
  const filtered = [failure, site, since, step].some((one) => one !== undefined);
  if (asked !== true && !(filtered && attempts <= FEW)) return null;
  return catalog.read((db) => listFailures(db, filter, limit));
}

function nothingFailed(
  name: string,
  { class: failure, site, since, step }: FailuresOptions,
): string {
  const only = [
    ...(step === undefined ? [] : [` in step ${step}`]),
    ...(failure === undefined ? [] : [` by ${failure}`]),
    ...(site === undefined ? [] : [` at ${site}`]),
    ...(since === undefined ? [] : [` in the last ${formatDuration(since)}`]),
  ];
  return `No attempt${name === '' ? '' : ` of ${name}`} has failed${only.join('')}.`;
}

interface Answer {
  readonly document: object;
  readonly text: string;
  /** How many attempts it counts. */
  readonly attempts: number;
}
type Tell = (session: Session, catalog: Catalog, filter: FailureFilter) => Promise<Answer>;

const byClass: Tell = async (session, catalog, filter) => {
  const rows = await catalog.read((db) => failuresByClass(db, filter));
  const classes = rows.map((row) => ({ ...row, blame: Object.keys(row.blames)[0] ?? null }));
  const cells = classes.map(({ attempts, blames, class: failure, example, sites }): Cell[] => {
    const whose = filter.production === undefined ? `${example?.production ?? ''} ` : '';
    return [
      failure,
      attempts,
      Object.keys(blames).length === 1 ? (Object.keys(blames)[0] ?? '') : countsText(blames),
      countsText(sites),
      example === null ? '' : `${whose}job ${example.job}: ${firstLine(example.reason)}`,
    ];
  });
  const head = ['class', 'attempts', 'blamed on', 'sites', 'latest example'];
  return {
    document: { classes },
    text: session.table(head, cells),
    attempts: rows.reduce((sum, row) => sum + row.attempts, 0),
  };
};

const bySite: Tell = async (session, catalog, filter) => {
  const cells = await catalog.read((db) => failureCells(db, filter));
  const named = cells.map(({ attempts, class: failure, site }) => ({
    row: site,
    column: failure,
    count: attempts,
  }));
  return {
    document: { cells },
    text: crossTable('site', named, session),
    attempts: cells.reduce((sum, cell) => sum + cell.attempts, 0),
  };
};

const byBlock: Tell = async (session, catalog, filter) => {
  const { production = 0 } = filter;
  const groups = await catalog.read((db) => failuresByBlock(db, { ...filter, production }));
  const blocks = groups.map(({ key, failures }) => ({ block: key, failures }));
  return { document: { blocks }, ...crossed(session, 'block', groups, String) };
};

const byProduction: Tell = async (session, catalog, filter) => {
  const groups = await catalog.read((db) => failuresByProduction(db, filter));
  const productions = groups.map(({ key, failures }) => ({ production: key, failures }));
  return { document: { productions }, ...crossed(session, 'production', groups, String) };
};

const byHour: Tell = async (session, catalog, filter) => {
  const groups = await catalog.read((db) => failuresByHour(db, filter));
  const hours = groups.map(({ key, failures }) => ({ hourAt: key, failures }));
  return { document: { hours }, ...crossed(session, 'hour from', groups, timeText) };
};

function crossed<K>(
  session: Session,
  corner: string,
  groups: readonly FailureGroup<K>[],
  shown: (key: K) => string,
): Pick<Answer, 'text' | 'attempts'> {
  const cells = groups.flatMap(({ key, failures }) =>
    Object.entries(failures).map(([column, count]) => ({ row: shown(key), column, count })),
  );
  return {
    text: crossTable(corner, cells, session),
    attempts: cells.reduce((sum, cell) => sum + cell.count, 0),
  };
}

const TABLES: Readonly<Record<By, Tell>> = {
  class: byClass,
  site: bySite,
  block: byBlock,
  production: byProduction,
  hour: byHour,
};

function attemptTable(session: Session, list: readonly FailureView[], name: string): string {
  const all = name === '';
  const rows = list.map((one): Cell[] => [
    ...(all ? [one.production] : []),
    String(one.job),
    String(one.attempt),
    one.site,
    one.node,
    one.ceId,
    one.exitCode === null ? null : String(one.exitCode),
    one.class,
    one.blame,
    timeText(one.endedAt),
    one.wallSeconds === null ? null : formatDuration(one.wallSeconds),
    one.cpuSeconds === null ? null : formatDuration(one.cpuSeconds),
    one.memoryMB === null ? null : `${Math.round(one.memoryMB)} MB`,
    one.logAt,
    firstLine(one.reason),
  ]);
  const head = ['job', 'attempt', 'site', 'node', 'CE id', 'exit', 'class', 'blamed on', 'ended'];
  const measured = ['wall', 'CPU', 'memory', 'log', 'raw text'];
  return session.table([...(all ? ['production'] : []), ...head, ...measured], rows);
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
