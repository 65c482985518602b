import { sql } from 'kysely';
import { blocksOf, type BlockRow } from '../blocks.js';
import type { Db } from '../catalog.js';
import { isWaiting, STAGE_KINDS } from '../jobs.js';
import { holdsOpen } from '../open-bundles.js';

/** More unfinished blocks than these are not asked for their back-off: one with work answers the question. */
const MOST_BLOCKS = 20;

/** Attempts of a production that are submitted or running now, by site. */
export async function openBySite(db: Db, production: number): Promise<Record<string, number>> {
  const rows = await db
    .selectFrom('bundles')
    .select((eb) => ['site', eb.fn.sum<number>('open').as('open')])
    .where(holdsOpen)
    // The plus keeps SQLite from reading all bundles of the production instead of all open ones.
    .where(sql<boolean>`+production_id = ${production}`)
    .groupBy('site')
    .orderBy('site')
    .execute();
  return Object.fromEntries(rows.map(({ site, open }) => [site, open]));
}

/** When the first waiting job of a production may be placed, ms; null if none waits. */
export async function nextPlacement(db: Db, production: number): Promise<number | null> {
  const waiting = (await blocksOf(db, production)).filter((block) => waits(block));
  const times: number[] = [];
  for (const block of waiting.slice(0, MOST_BLOCKS)) {
    const row = await db
      .selectFrom('jobs')
      .select((eb) => eb.fn.min<number | null>('not_before').as('from'))
      .where('production_id', '=', production)
      .where('block', '=', block.number)
      .where('kind', 'in', [...STAGE_KINDS.events, ...STAGE_KINDS.merge])
      .where(isWaiting)
      .executeTakeFirst();
    if (row?.from !== null && row?.from !== undefined) times.push(row.from);
  }
  return times.length === 0 ? null : Math.min(...times);
}

function waits(block: BlockRow): boolean {
  return block.waiting > 0 && block.state !== 'Finished' && block.state !== 'Discarded';
}
