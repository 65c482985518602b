import { sql } from 'kysely';
import type { Db } from './catalog.js';

/** The sum of the priorities of all other active productions that have jobs waiting to be placed. */
export async function waitingShares(db: Db, production: number): Promise<number> {
  const { rows } = await sql<{ total: number | null }>`
    select sum(p.priority) as total from productions p
    where p.state = 'Active' and p.id <> ${production}
      and exists (select 1 from blocks b
                  where b.production_id = p.id and b.waiting > 0 and b.state not in ('Finished', 'Discarded', 'Held'))`.execute(
    db,
  );
  return rows[0]?.total ?? 0;
}
