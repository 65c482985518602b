import type { Command } from 'commander';
import { viewProduction } from '../../../catalog/views/production-view.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { productionPage } from '../pages/production-page.js';
import { waitsFor } from '../pages/waits-for.js';

const BLOCKS = 12;

/** `fabrica show`: everything about one production. */
export function addShow(program: Command, invocation: Invocation): void {
  program
    .command('show')
    .description('show a production: progress, jobs, failures, what it waits for, its log')
    .argument('<name>', 'name of the production')
    .addOption(limitOption(10, 'show at most so many entries of the log'))
    .addHelpText('after', examples('fabrica show mumu', 'fabrica show mumu --json'))
    .action(
      invocation.action<{ limit: number }>(async (session, { limit }, args) => {
        const production = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const view = await catalog.read((db) =>
          viewProduction(db, production, { now: session.now, blocks: BLOCKS, events: limit }),
        );
        const waits = waitsFor(view, session.now);
        session.answer({ ...view, waitsFor: waits }, productionPage(view, waits, session));
        return EXIT.ok;
      }),
    );
}
