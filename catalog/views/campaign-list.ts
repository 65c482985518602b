import type { Db } from '../catalog.js';
import {
  summaryOf,
  withProgress,
  type CampaignSummary,
  type ProductionInCampaign,
} from './campaign-summary.js';

/** Every campaign that has productions, the one that was begun last first. */
export async function listCampaigns(db: Db, now: number): Promise<CampaignSummary[]> {
  const rows = await db.selectFrom('productions').selectAll().orderBy('id').execute();
  const byCampaign = new Map<string, ProductionInCampaign[]>();
  for (const one of await withProgress(db, rows, now)) {
    const list = byCampaign.get(one.row.campaign);
    if (list === undefined) byCampaign.set(one.row.campaign, [one]);
    else list.push(one);
  }
  return [...byCampaign].map(([name, all]) => summaryOf(name, all)).reverse();
}
