import { sql, type Kysely } from 'kysely';
import { EPOCH_PATTERN, epochAt } from '../domain/names.js';
import type { Db } from './catalog.js';
import { recordEvent } from './events.js';

/**
 * Migration. The catalog remembers its epochs; a bundle tells in which it was placed; a site or a storage tells the epoch as of which nothing of
 * earlier ones is left there (empty: never asked).
 */
export async function addEpochs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('epochs')
    .addColumn('epoch', 'text', (c) => c.primaryKey())
    .addColumn('since', 'bigint', (c) => c.notNull())
    .addColumn('why', 'text', (c) => c.notNull())
    .addColumn('recovered_at', 'bigint')
    .execute();
  await sql`
    insert into epochs (epoch, since, why, recovered_at)
    select value, 0, 'created', 0 from meta where key = 'epoch'`.execute(db);
  for (const table of ['bundles', 'sites', 'storages']) {
    await db.schema
      .alterTable(table)
      .addColumn('epoch', 'text', (c) => c.notNull().defaultTo(''))
      .execute();
    await sql`
      update ${sql.table(table)} set epoch = (select value from meta where key = 'epoch')`.execute(
      db,
    );
  }
}

/** An epoch of the catalog. */
export interface EpochRow {
  readonly epoch: string;
  /** When it began; 0 where only its name is known. */
  readonly since: number;
  readonly why: string;
  /** When `fabrica recover` had brought everything into it; null before. */
  readonly recovered_at: number | null;
}

/** All epochs of the catalog, the present one last. */
export async function epochsOf(db: Db): Promise<EpochRow[]> {
  return db.selectFrom('epochs').selectAll().orderBy('epoch').execute();
}

/** The present epoch; a new catalog gets its first one. */
export async function presentEpoch(db: Db, now: number): Promise<string> {
  const known = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'epoch')
    .executeTakeFirst();
  if (known !== undefined) return known.value;
  const epoch = epochAt(now);
  await db.insertInto('meta').values({ key: 'epoch', value: epoch }).execute();
  await db
    .insertInto('epochs')
    .values({ epoch, since: now, why: 'created', recovered_at: now })
    .execute();
  return epoch;
}

/**
 * Begins an epoch that is later than all others: whatever runs for an earlier one is held until `fabrica recover`. `known` are epochs of the
 * same catalog that this file of it has not seen. Returns the new one.
 */
export async function beginEpoch(
  db: Db,
  begin: { why: string; who: string; known: readonly string[]; now: number },
): Promise<string> {
  const { now, who, why } = begin;
  const before = (await epochsOf(db)).map((row) => row.epoch);
  const unknown = begin.known.filter((one) => EPOCH_PATTERN.test(one) && !before.includes(one));
  for (const epoch of new Set(unknown)) {
    await db
      .insertInto('epochs')
      .values({ epoch, since: 0, why: 'of the replaced catalog', recovered_at: null })
      .execute();
  }
  const epoch = laterThan([...before, ...unknown], now);
  await db.insertInto('epochs').values({ epoch, since: now, why, recovered_at: null }).execute();
  await db.updateTable('meta').set({ value: epoch }).where('key', '=', 'epoch').execute();
  await recordEvent(db, {
    at: now,
    who,
    what: `epoch ${epoch} begins`,
    why,
    data: { epoch, earlier: [...before, ...unknown] },
  });
  return epoch;
}

/** Of this time, or the next free one if the clock has gone back. */
function laterThan(epochs: readonly string[], now: number): string {
  const last = epochs.reduce((latest, one) => Math.max(latest, parseInt(one.slice(1), 36)), 0);
  return epochAt(Math.max(now, last + 1));
}

/** Why the present epoch began, if `fabrica recover` has yet to bring everything into it; else null. */
export async function unrecovered(db: Db): Promise<{ epoch: string; why: string } | null> {
  const row = await db
    .selectFrom('epochs')
    .select(['epoch', 'why', 'recovered_at'])
    .orderBy('epoch', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.recovered_at === null ? { epoch: row.epoch, why: row.why } : null;
}
