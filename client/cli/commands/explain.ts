import type { Command } from 'commander';
import type { ProductionRow } from '../../../catalog/productions.js';
import type { Explanation } from '../../../domain/explanation.js';
import { silentLog } from '../../../domain/log.js';
import { LIVE_PRODUCTION_STATES } from '../../../domain/states/production.js';
import { whyNothingRuns } from '../../temporal/control-presence.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { auditWaits } from '../pages/audit-waits.js';
import { explanationPage } from '../pages/explanation-page.js';
import { nothingRuns, obstacleText } from '../pages/obstacles.js';
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

/** By the control process, which knows what each production has had; where none is needed or there is none, by the catalog alone. */
async function explained(session: Session, production: ProductionRow): Promise<Explanation> {
  const { name, state } = production;
  const live = LIVE_PRODUCTION_STATES.includes(state);
  const absent = live ? await whyNothingRuns(session.loaded, session.terminal.clock) : null;
  if (live && absent === null) {
    const { client } = await session.temporal();
    const { standaloneActivities } = await import('../../temporal/standalone-activities.js');
    const told = await standaloneActivities(client).control('explainPlacement', {
      production: name,
    });
    const audit = auditWaits(await auditAwaits(session, production));
    return audit === '' ? told : { ...told, because: [...told.because, audit] };
  }
  const alone = await byCatalog(session, name);
  if (absent === null) return alone;
  return { ...alone, because: [obstacleText(nothingRuns(absent)), ...alone.because] };
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
