import type { Command } from 'commander';
import { campaignsOf } from '../../../catalog/views/campaigns.js';
import { listProductions } from '../../../catalog/views/production-list.js';
import { quoted } from '../../../domain/problem.js';
import { PRODUCTION_STATES, type ProductionState } from '../../../domain/states/production.js';
import { EXIT } from '../exit-code.js';
import { choice, examples, limitOption, type Invocation } from '../invocation.js';
import { productionTable } from '../pages/production-table.js';

interface ListOptions {
  readonly campaign?: string;
  readonly state?: ProductionState;
  readonly limit: number;
}

/** `fabrica list`: productions, the newest first. */
export function addList(program: Command, invocation: Invocation): void {
  program
    .command('list')
    .description('list productions, the newest first')
    .option('--campaign <name>', 'of this campaign only')
    .addOption(choice('--state <state>', 'in this state only', PRODUCTION_STATES))
    .addOption(limitOption(100))
    .addHelpText('after', examples('fabrica list', 'fabrica list --campaign MC16 --state Held'))
    .action(
      invocation.action<ListOptions>(async (session, options) => {
        const { campaign, limit, state } = options;
        const catalog = await session.catalog();
        const answer = await catalog.read((db) =>
          listProductions(db, { campaign, state, limit, now: session.now }),
        );
        const text =
          answer.productions.length === 0
            ? noneText(await catalog.read(campaignsOf), options)
            : productionTable(answer.productions, session);
        session.answer(answer, text);
        if (answer.more) session.remark(`(there are more than ${limit}: --limit)`);
        return EXIT.ok;
      }),
    );
}

const MOST_CAMPAIGNS = 20;

/** Why the list is empty: nothing is registered at all, or nothing of what was asked for. */
function noneText(
  campaigns: readonly string[],
  { campaign, state }: Pick<ListOptions, 'campaign' | 'state'>,
): string {
  if (campaigns.length === 0) {
    return 'No production is registered here. `fabrica submit FILE` starts one.';
  }
  const of = campaign === undefined ? '' : ` of campaign ${quoted(campaign)}`;
  if (campaign === undefined || campaigns.includes(campaign)) {
    return `No production${of} is ${state ?? 'registered'}.`;
  }
  const named = campaigns.slice(0, MOST_CAMPAIGNS).join(', ');
  const more = campaigns.length - MOST_CAMPAIGNS;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `No production${of} is registered; the campaigns are ${named}${rest}.`;
}
