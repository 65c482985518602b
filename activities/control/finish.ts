import {
  blocksOf,
  changeBlockState,
  countsOf,
  plannedWork,
  recountBlock,
  type BlockRow,
} from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { moveJobs } from '../../catalog/jobs.js';
import { changeProductionState, setFinish, type ProductionRow } from '../../catalog/productions.js';
import type { Command } from '../../domain/command.js';
import { counted } from '../../domain/counted.js';
import { jobNumbersText } from '../../domain/job-numbers.js';
import { already, done, type CommandEffect } from './command-effect.js';

/**
 * Ends a production early: no more jobs are started, those that run at sites end, and what is there is merged and distributed. Jobs that wait are
 * given up as their blocks come to them, those that are withdrawn from sites before they have started and those that fail from now on as well.
 */
export async function finish(
  db: Db,
  production: ProductionRow,
  { who, why }: Command,
  now: number,
): Promise<CommandEffect> {
  if (production.finish === 'draining') return already('it is being finished');
  const { events } = await plannedWork(db, production.id);
  const unplanned = Math.max(0, production.events - events);
  let waiting = 0;
  let parked = 0;
  for (const block of await blocksOf(db, production.id)) {
    if (block.state === 'Finished' || block.state === 'Discarded') continue;
    const { jobs } = countsOf(block);
    waiting += jobs.Waiting ?? 0;
    parked += jobs.Parked ?? 0;
    if (block.state !== 'Held') continue;
    await changeBlockState(db, block, { to: block.resume_state ?? 'Fabricating', why: '', now });
  }
  await setFinish(db, production, 'draining');
  const what =
    `finish: ${counted(unplanned, 'event')} not planned yet, ${counted(waiting, 'job')} that wait` +
    ` and ${counted(parked, 'parked job')} are given up, so are jobs at sites that have not started; those that run there end, then what is made is merged and distributed`;
  await recordEvent(db, {
    at: now,
    who,
    production: production.id,
    what,
    why,
    data: { unplanned, waiting, parked },
  });
  const because = why === '' ? `finished by ${who}` : why;
  await changeProductionState(db, production, { to: 'Active', why: because, who, now });
  return done(what);
}

/** The jobs of a block that wait will not run any more. */
export async function giveUpWaiting(
  db: Db,
  production: ProductionRow,
  block: BlockRow,
  now: number,
): Promise<void> {
  const key = { production: production.id, block: block.number };
  const waived = await moveJobs(db, key, 'events', 'Waiting', 'Waived');
  await recountBlock(db, key);
  await recordEvent(db, {
    at: now,
    who: 'fabrica',
    production: production.id,
    block: block.number,
    what: `${counted(waived.length, 'job')} waived`,
    why: 'the production is being finished',
    data: { jobs: jobNumbersText(waived) },
  });
}
