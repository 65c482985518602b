import type { Command } from 'commander';
import { viewProduction, type ProductionView } from '../../../catalog/views/production-view.js';
import { listResources } from '../../../catalog/views/resource-list.js';
import { LIVE_PRODUCTION_STATES } from '../../../domain/states/production.js';
import { whyNothingRuns } from '../../temporal/control-presence.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { nothingRuns, obstaclesOf, type Obstacle } from '../pages/obstacles.js';
import { productionPage } from '../pages/production-page.js';
import { waitsFor } from '../pages/waits-for.js';
import type { Session } from '../session.js';

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
        const { now } = session;
        const view = await catalog.read((db) =>
          viewProduction(db, production, { now, blocks: BLOCKS, events: limit }),
        );
        const resources = await catalog.read((db) => listResources(db, now));
        const obstacles = [...(await processes(session, view)), ...obstaclesOf(view, resources)];
        const waits = waitsFor(view, now, obstacles);
        session.answer(
          { ...view, waitsFor: waits, obstacles },
          productionPage(view, waits, session),
        );
        return EXIT.ok;
      }),
    );
}

/** That no process works on a production which has something left to do. */
async function processes(session: Session, { progress }: ProductionView): Promise<Obstacle[]> {
  if (!LIVE_PRODUCTION_STATES.includes(progress.state)) return [];
  const why = await whyNothingRuns(session.loaded, session.terminal.clock);
  return why === null ? [] : [nothingRuns(why)];
}
