import { plannedWork } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import {
  changeProductionState,
  revisionOf,
  setFinish,
  type ProductionRow,
} from '../../catalog/productions.js';
import { extensionOf } from '../../domain/command-check.js';
import type { Command } from '../../domain/command.js';
import { counted } from '../../domain/counted.js';
import { MAX_JOBS } from '../../domain/definition.js';
import { estimateAnew, reviseLive } from './amend.js';
import { already, done, invalid, refused, type CommandEffect } from './command-effect.js';
import { estimateOf } from './estimates.js';
import { whatOfAllIsGone } from './input-readers.js';

/**
 * Asks for more events, as a new revision: further blocks are planned for them, whatever the others are doing; a production that has ended goes on.
 * Of one that was finished early only the events count that had been planned until then: what it has given up is not begun again.
 */
export async function extend(
  db: Db,
  production: ProductionRow,
  { select, who, why }: Command,
  now: number,
): Promise<CommandEffect> {
  const { definition } = await revisionOf(db, production);
  const extension = extensionOf(select);
  const { events: asked, finish, name, state } = production;
  const events = finish === null ? asked : (await plannedWork(db, production.id)).events;
  const early = finish === null ? '' : ` (${asked} were asked for before it was finished early)`;
  const total = 'total' in extension ? extension.total : events + extension.events;
  const enough = `${counted(events, 'event')} are asked for already${early}`;
  const ended = state === 'Completing' || state === 'Completed';
  if (total < events) {
    const fewer = ended
      ? `A larger total makes more, \`fabrica extend ${name} --events N\` so many more.`
      : `\`fabrica finish ${name}\` ends it with fewer.`;
    return refused(enough, fewer);
  }
  if (total === events) return already(enough);
  const perJob = production.estimate === null ? null : estimateOf(production).eventsPerJob;
  if (perJob !== null && Math.ceil(total / perJob) > MAX_JOBS) {
    return invalid(
      `a production has at most ${MAX_JOBS} jobs, and its jobs have ${perJob} events: at most ${MAX_JOBS * perJob} events`,
      `Ask for no more than that; submit the others under another name than ${name}.`,
    );
  }
  const gone = await whatOfAllIsGone(db, production);
  if (gone !== null) {
    return refused(
      gone,
      `Ask again when they are there, or submit the events that are wanted under another name than ${name}, with other files.`,
    );
  }
  const extended = { ...definition, events: total };
  const problem = await reviseLive(db, production, extended, { who, now });
  if (problem !== null) return invalid(problem);
  // The blocks of a larger production are larger.
  if (production.estimate !== null) await estimateAnew(db, production, extended);
  if (finish !== null) await setFinish(db, production, null);
  const what = `events ${events} -> ${total}${early}`;
  await recordEvent(db, { at: now, who, production: production.id, what, why });
  if (ended) {
    const because = why === '' ? `extended by ${who}` : why;
    await changeProductionState(db, production, { to: 'Active', why: because, who, now });
  }
  return done(what);
}
