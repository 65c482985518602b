import { sql } from 'kysely';
import { LIVE_PRODUCTION_STATES } from '../domain/states/production.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** A remnant that is to be removed. */
export interface Debt {
  readonly id: number;
  readonly path: string;
  readonly shape: 'file' | 'tree';
}

/**
 * What ended productions, and expired logs, still have to be removed is a debt from now on: condemned replicas and pending remnants that nobody else will
 * remove. Returns how many condemned replicas were not noted before.
 */
export async function gatherDebts(db: Db, now: number, limit: number): Promise<number> {
  const live = [...LIVE_PRODUCTION_STATES];
  const condemned = await db
    .selectFrom('replicas')
    .innerJoin('files', 'files.id', 'replicas.file_id')
    .leftJoin('productions', 'productions.id', 'files.production_id')
    .leftJoin('jobs', (join) =>
      join
        .onRef('jobs.production_id', '=', 'files.production_id')
        .onRef('jobs.number', '=', 'files.job'),
    )
    .select(['replicas.storage', 'replicas.path', 'files.production_id', 'jobs.block'])
    .where('replicas.state', '=', sql.lit('Removing'))
    .where((eb) =>
      eb.or([
        eb('productions.id', 'is', null),
        eb('productions.state', 'not in', live),
        // Nobody else removes archives that have been kept for long enough.
        eb('files.kind', '=', 'log'),
      ]),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('remnants')
            .select('remnants.id')
            .whereRef('remnants.storage', '=', 'replicas.storage')
            .whereRef('remnants.path', '=', 'replicas.path'),
        ),
      ),
    )
    .limit(limit)
    .execute();
  for (const { block, path, production_id, storage } of condemned) {
    await db
      .insertInto('remnants')
      .values({
        ...{ production_id, storage, path, block: block ?? 0 },
        ...{ shape: 'file', state: 'Debt', why: 'condemned', since: now },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  for (const { id } of await db
    .selectFrom('productions')
    .select('id')
    .where('state', 'not in', live)
    .execute()) {
    await db
      .updateTable('remnants')
      .set({ state: 'Debt' })
      .where('production_id', '=', id)
      .where('state', '=', 'Pending')
      .execute();
  }
  await db
    .updateTable('remnants')
    .set({ state: 'Debt' })
    .where('production_id', 'is', null)
    .where('state', '=', 'Pending')
    .execute();
  return condemned.length;
}

/** The storages that have debts, with the time before which they are not to be tried (0 for at once). */
export async function debtStorages(db: Db): Promise<{ storage: string; next: number }[]> {
  const { rows } = await sql<{ storage: string; next: number }>`
    select s.name as storage, coalesce(d.next_at, 0) as next
    from storages s left join debtors d on d.storage = s.name
    where exists (select 1 from remnants r where r.storage = s.name and r.state = 'Debt')
    order by s.name`.execute(db);
  return rows;
}

/** Debts on a storage after an id, in order. */
export async function debtsOn(
  db: Db,
  storage: string,
  page: { after: number; limit: number },
): Promise<Debt[]> {
  return db
    .selectFrom('remnants')
    .select(['id', 'path', 'shape'])
    .where('storage', '=', storage)
    .where('id', '>', page.after)
    .where('state', '=', 'Debt')
    .orderBy('id')
    .limit(page.limit)
    .execute();
}

/** Notes why debts could not be paid. */
export async function noteRefusals(
  db: Db,
  storage: string,
  refused: readonly { path: string; reason: string }[],
): Promise<void> {
  if (refused.length === 0) return;
  const rows = rowsOf(
    refused.map((one) => ({ storage, ...one })),
    { storage: 'text', path: 'text', reason: 'text' },
  );
  await sql`
    update remnants set why = r.reason from ${rows} as r
    where remnants.storage = r.storage and remnants.path = r.path`.execute(db);
}

/** A storage did not answer, or refused; `next` tells when it is tried again, from how often that has happened in a row. */
export async function noteDebtor(
  db: Db,
  storage: string,
  said: { reason: string; now: number; next: (tries: number) => number },
): Promise<void> {
  const { next, now, reason } = said;
  const known = await db
    .selectFrom('debtors')
    .select(['tries', 'next_at'])
    .where('storage', '=', storage)
    .executeTakeFirst();
  // Several productions that meet the same silence are one try.
  const tries = known === undefined ? 1 : known.next_at > now ? known.tries : known.tries + 1;
  const columns = {
    tries,
    tried_at: now,
    next_at: known !== undefined && known.next_at > now ? known.next_at : next(tries),
    reason,
  };
  await db
    .insertInto('debtors')
    .values({ storage, ...columns })
    .onConflict((conflict) => conflict.column('storage').doUpdateSet(columns))
    .execute();
}

/** The storage has answered and refused nothing. */
export async function forgetDebtor(db: Db, storage: string): Promise<void> {
  await db.deleteFrom('debtors').where('storage', '=', storage).execute();
}
