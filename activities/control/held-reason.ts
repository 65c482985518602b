import { blocksOf, countsOf } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import { counted } from '../../domain/counted.js';

/**
 * Has the reason of a production that is held for a block of it tell how many jobs are parked in its other blocks by now: these go on to the end
 * of what is at sites. Of one that is held for anything else it stays as it is.
 */
export async function tellParkedElsewhere(
  db: Db,
  production: ProductionRow,
  now: number,
): Promise<void> {
  if (production.state !== 'Held' || production.held_for !== null) return;
  const blocks = await blocksOf(db, production.id);
  const cause = blocks.find(
    ({ reason, state }) =>
      state === 'Held' && reason !== '' && production.reason.startsWith(reason),
  );
  if (cause === undefined) return;
  const elsewhere = blocks
    .filter((block) => block !== cause && block.state !== 'Discarded')
    .map((block) => countsOf(block))
    .reduce((sum, { jobs, merges }) => sum + (jobs.Parked ?? 0) + (merges.Parked ?? 0), 0);
  const more =
    elsewhere === 0
      ? ''
      : `; ${counted(elsewhere, 'more job is', 'more jobs are')} parked in other blocks`;
  const why = `${cause.reason}${more}`;
  if (why === production.reason) return;
  await changeProductionState(db, production, { to: 'Held', why, who: 'fabrica', now });
}
