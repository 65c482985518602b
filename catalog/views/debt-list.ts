import type { Db } from '../catalog.js';

/** What is still to be removed from a storage. Times in ms since 1970. */
export interface DebtView {
  readonly production: string | null;
  readonly storage: string;
  readonly path: string;
  /** `tree` for a whole directory. */
  readonly shape: 'file' | 'tree';
  readonly why: string;
  readonly sinceAt: number;
  /** How often in a row the storage has not answered or has refused; 0 if it has not been asked since. */
  readonly tries: number;
  readonly triedAt: number | null;
  /** Not tried before; null: with the next run of the janitor. */
  readonly nextAt: number | null;
}

export interface DebtFilter {
  /** The id of a production. */
  readonly production?: number | undefined;
  readonly storage?: string | undefined;
  readonly limit: number;
}

/** Debts, the oldest first; `more` if there are others beyond the limit. */
export async function listDebts(
  db: Db,
  { limit, production, storage }: DebtFilter,
): Promise<{ debts: DebtView[]; more: boolean }> {
  const rows = await db
    .selectFrom('remnants')
    .leftJoin('productions', 'productions.id', 'remnants.production_id')
    .leftJoin('debtors', 'debtors.storage', 'remnants.storage')
    .select([
      'productions.name as production',
      'remnants.storage',
      'remnants.path',
      'remnants.shape',
      'remnants.why',
      'remnants.since as sinceAt',
      'debtors.tries',
      'debtors.tried_at as triedAt',
      'debtors.next_at as nextAt',
    ])
    .where('remnants.state', '=', 'Debt')
    .$if(production !== undefined, (query) =>
      query.where('remnants.production_id', '=', production ?? 0),
    )
    .$if(storage !== undefined, (query) => query.where('remnants.storage', '=', storage ?? ''))
    .orderBy('remnants.id')
    .limit(limit + 1)
    .execute();
  return {
    debts: rows.slice(0, limit).map((row) => ({ ...row, tries: row.tries ?? 0 })),
    more: rows.length > limit,
  };
}

/** Debts by storage, with when each is tried next; for `doctor`. */
export async function debtsByStorage(
  db: Db,
): Promise<{ storage: string; debts: number; since: number; tries: number; reason: string }[]> {
  const rows = await db
    .selectFrom('remnants')
    .leftJoin('debtors', 'debtors.storage', 'remnants.storage')
    .select((eb) => [
      'remnants.storage',
      eb.fn.countAll<number>().as('debts'),
      eb.fn.min<number>('remnants.since').as('since'),
      eb.fn.max<number | null>('debtors.tries').as('tries'),
      eb.fn.max<string | null>('debtors.reason').as('reason'),
    ])
    .where('remnants.state', '=', 'Debt')
    .groupBy('remnants.storage')
    .orderBy('remnants.storage')
    .execute();
  return rows.map((row) => ({ ...row, tries: row.tries ?? 0, reason: row.reason ?? '' }));
}
