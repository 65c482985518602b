import { withFailures } from '../application-failure.js';
import { auditing } from './audit.js';
import { clearing } from './clearing.js';
import { bundleClosing } from './closing.js';
import { commanding } from './commands.js';
import type { ControlContext } from './context.js';
import { payingDebts } from './debts.js';
import { distributing } from './distribution.js';
import { ending } from './ending.js';
import { explaining } from './explain.js';
import { losingInputs } from './input-losses.js';
import { listStaging } from './list-staging.js';
import { killing } from './killing.js';
import { stepping } from './next-step.js';
import { judgingQueues } from './overdue.js';
import { placing } from './place.js';
import { PlacementCases } from './placement-case.js';
import { recovering } from './recover.js';
import { registration } from './register.js';
import { settling } from './settle.js';
import { SharedGrid } from './shared-grid.js';
import { siteWithdrawing } from './site-withdrawal.js';
import { spaceKeeping } from './space.js';
import { staging } from './stages.js';
import { repairing } from './sweep-repairs.js';
import { sweeping } from './sweeps.js';

/** All control activities: the only ones that see the catalog. Queue `fabrica`. */
export function createControlActivities(context: ControlContext) {
  const cases = new PlacementCases(context, new SharedGrid(context.configuration));
  return withFailures({
    ...registration(context),
    ...listStaging(context),
    ...stepping(context),
    ...placing(context, cases),
    ...explaining(context, cases),
    ...judgingQueues(context, cases),
    ...settling(context),
    ...staging(context),
    ...losingInputs(context),
    ...distributing(context),
    ...clearing(context),
    ...ending(context),
    ...bundleClosing(context),
    ...killing(context),
    ...commanding(context),
    ...siteWithdrawing(context),
    ...auditing(context),
    ...recovering(context),
    ...spaceKeeping(context),
    ...payingDebts(context),
    ...sweeping(context),
    ...repairing(context),
  });
}

export type ControlActivities = ReturnType<typeof createControlActivities>;
