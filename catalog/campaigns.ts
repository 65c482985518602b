import type { Db } from './catalog.js';
import type { ProductionRow } from './productions.js';

/** The productions of a campaign in the order of their registration: a campaign is those that name it in their data set. */
export async function campaignProductions(db: Db, campaign: string): Promise<ProductionRow[]> {
  return db
    .selectFrom('productions')
    .selectAll()
    .where('campaign', '=', campaign)
    .orderBy('id')
    .execute();
}
