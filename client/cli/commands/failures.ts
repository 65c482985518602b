import type { Command } from 'commander';
import type { Catalog } from '../../../catalog/catalog.js';
import type { ProductionRow } from '../../../catalog/productions.js';
import {
  failureCells,
  failuresByBlock,
  failuresByClass,
} from '../../../catalog/views/failure-table.js';
import { BLAME_OF } from '../../../domain/failure-class.js';
import { EXIT } from '../exit-code.js';
import { choice, examples, textArgument, type Invocation } from '../invocation.js';
import { crossTable } from '../pages/cross-table.js';
import type { Session } from '../session.js';
import type { Cell } from '../table.js';
import { countsText } from '../text.js';

type By = 'class' | 'site' | 'block';
const BY: readonly By[] = ['class', 'site', 'block'];

/** `fabrica failures`: what went wrong, where, and whom it is blamed on. */
export function addFailures(program: Command, invocation: Invocation): void {
  program
    .command('failures')
    .description('count the failed attempts of a production')
    .argument('<name>', 'name of the production')
    .addOption(choice('--by <what>', 'rows of the table', BY).default('class'))
    .addHelpText('after', examples('fabrica failures mumu', 'fabrica failures mumu --by site'))
    .action(
      invocation.action<{ by: By }>(async (session, { by }, args) => {
        const production = await session.production(textArgument(args, 0));
        const { document, text, empty } = await TABLES[by](
          session,
          await session.catalog(),
          production,
        );
        const name = production.name;
        session.answer(
          { production: name, by, ...document },
          empty ? `No attempt of ${name} has failed.` : text,
        );
        return EXIT.ok;
      }),
    );
}

interface Answer {
  readonly document: object;
  readonly text: string;
  readonly empty: boolean;
}
type Tell = (session: Session, catalog: Catalog, production: ProductionRow) => Promise<Answer>;

const byClass: Tell = async (session, catalog, production) => {
  const rows = await catalog.read((db) => failuresByClass(db, production.id));
  const classes = rows.map((row) => ({ ...row, blame: BLAME_OF[row.class] }));
  const cells = classes.map((row): Cell[] => [
    row.class,
    row.attempts,
    row.blame,
    countsText(row.sites),
    row.example === null ? '' : `job ${row.example.job}: ${row.example.reason}`,
  ]);
  const head = ['class', 'attempts', 'blamed on', 'sites', 'latest example'];
  return { document: { classes }, text: session.table(head, cells), empty: rows.length === 0 };
};

const bySite: Tell = async (session, catalog, production) => {
  const cells = await catalog.read((db) => failureCells(db, production.id));
  const named = cells.map(({ attempts, class: failure, site }) => ({
    row: site,
    column: failure,
    count: attempts,
  }));
  return {
    document: { cells },
    text: crossTable('site', named, session),
    empty: cells.length === 0,
  };
};

const byBlock: Tell = async (session, catalog, production) => {
  const blocks = await catalog.read((db) => failuresByBlock(db, production.id));
  const named = blocks.flatMap(({ block, failures }) =>
    Object.entries(failures).map(([column, count]) => ({ row: String(block), column, count })),
  );
  return {
    document: { blocks },
    text: crossTable('block', named, session),
    empty: blocks.length === 0,
  };
};

const TABLES: Readonly<Record<By, Tell>> = { class: byClass, site: bySite, block: byBlock };
