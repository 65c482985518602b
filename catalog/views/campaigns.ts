import type { Db } from '../catalog.js';

/** The campaigns that productions are registered for, by name. */
export async function campaignsOf(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('productions')
    .select('campaign')
    .distinct()
    .orderBy('campaign')
    .execute();
  return rows.map(({ campaign }) => campaign);
}
