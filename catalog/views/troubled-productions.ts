import { sql } from 'kysely';
import {
  LIVE_PRODUCTION_STATES,
  type HeldFor,
  type ProductionState,
} from '../../domain/states/production.js';
import type { Db } from '../catalog.js';

/** A production that may need a person. */
export interface TroubledProduction {
  readonly name: string;
  readonly state: ProductionState;
  readonly reason: string;
  /** `sites`: it goes on by itself when one takes its jobs. */
  readonly heldFor: HeldFor | null;
  /** Jobs of any kind that are parked. */
  readonly parked: number;
}

/** Productions that are Held, and live ones with parked jobs, the oldest first. */
export async function troubledProductions(db: Db): Promise<TroubledProduction[]> {
  const { rows } = await sql<TroubledProduction>`
    select * from (
      select p.name, p.state, p.reason, p.held_for as heldFor, (
        select coalesce(sum(
          coalesce(json_extract(b.counts, '$.jobs.Parked'), 0) +
          coalesce(json_extract(b.counts, '$.merges.Parked'), 0)), 0)
        from blocks b where b.production_id = p.id and b.state <> 'Discarded') as parked
      from productions p where p.state in (${sql.join([...LIVE_PRODUCTION_STATES])})
      order by p.id)
    where state = 'Held' or parked > 0`.execute(db);
  return rows;
}
