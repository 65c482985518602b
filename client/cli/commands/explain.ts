import type { Command } from 'commander';
import type { ProductionRow } from '../../../catalog/productions.js';
import type { Explanation } from '../../../domain/explanation.js';
import { FabricaError } from '../../../domain/errors.js';
import { silentLog } from '../../../domain/log.js';
import { LIVE_PRODUCTION_STATES } from '../../../domain/states/production.js';
import { whyNothingRuns } from '../../temporal/control-presence.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { auditWaits } from '../pages/audit-waits.js';
import { explanationPage } from '../pages/explanation-page.js';
import { controlSilent, nothingRuns, obstacleText, type Obstacle } from '../pages/obstacles.js';
import type { Session } from '../session.js';
import { auditAwaits } from './show.js';

/** `fabrica explain`: why nothing, or so little, of a production runs. */
export function addExplain(program: Command, invocation: Invocation): void {
  program
    .command('explain')
    .description('tell why so little of a production runs: what it waits for, site by site')
    .argument('<name>', 'name of the production')
    .addHelpText('after', examples('fabrica explain mumu', 'fabrica explain mumu --json'))
    .action(
      invocation.action<object>(async (session, _, args) => {
        const production = await session.production(textArgument(args, 0));
        const explanation = await explained(session, production);
        session.answer(explanation, explanationPage(explanation, session));
        return EXIT.ok;
      }),
    );
}

/** By the control process, which knows what each production has had; where none is needed, there is none, or it does not answer, by the catalog alone. */
async function explained(session: Session, production: ProductionRow): Promise<Explanation> {
  const { name, state } = production;
  const live = LIVE_PRODUCTION_STATES.includes(state);
  const absent = live ? await whyNothingRuns(session.loaded, session.terminal.clock) : null;
  if (!live) return byCatalog(session, name);
  if (absent !== null) return toldFirst(nothingRuns(absent), await byCatalog(session, name));
  const told = await byControl(session, name);
  if (told === null) return toldFirst(controlSilent(), await byCatalog(session, name));
  const audit = auditWaits(await auditAwaits(session, production));
  return audit === '' ? told : { ...told, because: [...told.because, audit] };
}

function toldFirst(obstacle: Obstacle, explanation: Explanation): Explanation {
  return { ...explanation, because: [obstacleText(obstacle), ...explanation.because] };
}

/** Null if the control process polls its queue and does not answer. */
async function byControl(session: Session, production: string): Promise<Explanation | null> {
  const { client } = await session.temporal();
  const { standaloneActivities } = await import('../../temporal/standalone-activities.js');
  try {
    return await standaloneActivities(client).control('explainPlacement', { production });
  } catch (error) {
    if (error instanceof FabricaError && error.code === 'FABRICA_WORKER_ABSENT') return null;
    throw error;
  }
}

/** By the same decisions, without the memory of a control process. */
async function byCatalog(session: Session, name: string): Promise<Explanation> {
  const { explaining } = await import('../../../activities/control/explain.js');
  const { PlacementCases } = await import('../../../activities/control/placement-case.js');
  const { SharedGrid } = await import('../../../activities/control/shared-grid.js');
  const { configuration } = session;
  const context = {
    catalog: await session.catalog(),
    configuration,
    clock: session.terminal.clock,
    log: silentLog,
  };
  const cases = new PlacementCases(context, new SharedGrid(configuration));
  return explaining(context, cases).explainPlacement({ production: name });
}
