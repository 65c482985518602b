import type { Command } from 'commander';
import { listProductions } from '../../../catalog/views/production-list.js';
import { PRODUCTION_STATES, type ProductionState } from '../../../domain/states/production.js';
import { EXIT } from '../exit-code.js';
import { choice, examples, limitOption, type Invocation } from '../invocation.js';
import { stateStyle } from '../style.js';
import { percent, timeText } from '../text.js';

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
        const rows = answer.productions.map((one) => [
          one.name,
          { text: one.state, paint: stateStyle(session.style, one.state) },
          one.priority,
          one.campaign,
          one.events.asked,
          percent(one.events.made, one.events.asked),
          percent(one.events.distributed, one.events.asked),
          one.failures,
          timeText(one.createdAt),
          one.reason,
        ]);
        const head = [
          'production',
          'state',
          'priority',
          'campaign',
          'events',
          'made',
          'distributed',
          'failures',
          'registered',
          'reason',
        ];
        const none = 'No production is registered here. `fabrica submit FILE` starts one.';
        session.answer(answer, rows.length === 0 ? none : session.table(head, rows));
        if (answer.more) session.remark(`(there are more than ${limit}: --limit)`);
        return EXIT.ok;
      }),
    );
}
