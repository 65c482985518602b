import type { BundleRow } from './attempts.js';
import type { Db } from './catalog.js';

/** What has yet to be asked about earlier epochs. */
export interface Unasked {
  readonly sites: readonly string[];
  readonly storages: readonly string[];
}

/** The sites and storages of which it is not known that nothing of earlier epochs is left there. */
export async function unasked(db: Db, epoch: string): Promise<Unasked> {
  const names = async (table: 'sites' | 'storages'): Promise<string[]> => {
    const rows = await db
      .selectFrom(table)
      .select('name')
      .where('epoch', '<>', epoch)
      .orderBy('name')
      .execute();
    return rows.map((row) => row.name);
  };
  return { sites: await names('sites'), storages: await names('storages') };
}

/** Nothing of earlier epochs is left there. */
export async function recordAsked(
  db: Db,
  table: 'sites' | 'storages',
  name: string,
  epoch: string,
): Promise<void> {
  await db.updateTable(table).set({ epoch }).where('name', '=', name).execute();
}

/** Bundles of earlier epochs that are not cleared, some of them. */
export async function earlierBundles(db: Db, epoch: string, limit: number): Promise<BundleRow[]> {
  return db
    .selectFrom('bundles')
    .selectAll()
    .where('cleared_at', 'is', null)
    .where('epoch', '<>', epoch)
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** There is nothing left to do for the bundle: neither its jobs nor their logs are at its site any more, or anybody's concern. */
export async function clearBundle(db: Db, bundle: number, now: number): Promise<void> {
  await db.updateTable('bundles').set({ cleared_at: now }).where('id', '=', bundle).execute();
}

/** Everything that could be brought into the epoch is. */
export async function recordRecovered(db: Db, now: number): Promise<void> {
  await db
    .updateTable('epochs')
    .set({ recovered_at: now })
    .where('recovered_at', 'is', null)
    .execute();
}
