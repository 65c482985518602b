import { sql } from 'kysely';
import { numberRanges } from '../domain/job-numbers.js';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { eachRow } from './each-row.js';
import { isPresent } from './files.js';

/** Something on a storage that shall go. */
export interface Removal {
  readonly storage: string;
  readonly path: string;
  readonly shape: 'file' | 'tree';
  /** Of a condemned replica: its file. */
  readonly file?: number;
}

/** Notes what a failed attempt may have left; what is noted already stays as it is. */
export async function insertRemnants(
  db: Db,
  key: Omit<BlockKey, 'production'> & { readonly production: number | null },
  remnants: readonly Removal[],
  why: string,
  now: number,
): Promise<void> {
  if (remnants.length === 0) return;
  const rows = rowsOf(
    remnants.map((one) => ({ ...one })),
    { storage: 'text', path: 'text', shape: 'text' },
  );
  await sql`
    insert into remnants (production_id, block, storage, path, shape, state, why, since)
    select ${key.production}, ${key.block}, r.storage, r.path, r.shape, 'Pending', ${why}, ${now} from ${rows} as r
    where true
    on conflict (storage, path) do nothing`.execute(db);
}

/**
 * Condemned replicas and pending remnants: of a block, or of the whole production with its debts. At most `limit` of each,
 * none on the storages `except`.
 */
export async function removals(
  db: Db,
  production: number,
  options: { block?: number; debts: boolean; except: readonly string[]; limit: number },
): Promise<Removal[]> {
  const { block } = options;
  const replicas = await db
    .selectFrom('replicas')
    .innerJoin('files', 'files.id', 'replicas.file_id')
    .$if(block !== undefined, (query) => query.where('files.block', '=', block ?? 0))
    .where(isPresent)
    .select(['replicas.storage', 'replicas.path', 'replicas.file_id as file'])
    .where('files.production_id', '=', production)
    .where('replicas.state', '=', 'Removing')
    .$if(options.except.length > 0, (query) =>
      query.where('replicas.storage', 'not in', [...options.except]),
    )
    .limit(options.limit)
    .execute();
  const remnants = await db
    .selectFrom('remnants')
    .select(['storage', 'path', 'shape'])
    .where('production_id', '=', production)
    .$if(block !== undefined, (query) => query.where('block', '=', block ?? 0))
    .where('state', 'in', options.debts ? ['Pending', 'Debt'] : ['Pending'])
    .$if(options.except.length > 0, (query) =>
      query.where('storage', 'not in', [...options.except]),
    )
    .limit(options.limit)
    .execute();
  return [...replicas.map((one) => ({ ...one, shape: 'file' as const })), ...remnants];
}

/** The absence of these is confirmed: the rows go, and files without any replica become `Removed`. */
export async function confirmRemoved(
  db: Db,
  storage: string,
  gone: readonly Pick<Removal, 'path' | 'file'>[],
): Promise<void> {
  const files = gone.flatMap(({ file }) => file ?? []);
  // Only of a replica that is a debt there are remnants too.
  const debts = await hasDebts(db, storage);
  const paths = gone.filter(({ file }) => debts || file === undefined).map(({ path }) => path);
  const freed = paths.length === 0 ? [] : await removePaths(db, storage, paths);
  const ranges = numberRanges([...files, ...freed]).map(({ from, to }) => [from, to]);
  await eachRow(
    db,
    // The plus keeps SQLite from reading all replicas of the storage.
    `delete from replicas where file_id between ? and ? and +storage = ? and state = 'Removing'`,
    numberRanges(files).map(({ from, to }) => [from, to, storage]),
  );
  await eachRow(
    db,
    `update files set state = 'Removed'
     where id between ? and ? and not exists (select 1 from replicas where replicas.file_id = files.id)`,
    ranges,
  );
}

/** Forgets what was to be removed at these paths; returns the files whose replicas are gone with it. */
async function removePaths(db: Db, storage: string, paths: readonly string[]): Promise<number[]> {
  const rows = rowsOf(
    paths.map((path) => ({ path })),
    { path: 'text' },
  );
  await sql`
    delete from remnants where storage = ${storage} and path in (select r.path from ${rows} as r)`.execute(
    db,
  );
  const { rows: gone } = await sql<{ file_id: number }>`
    delete from replicas
    where storage = ${storage} and state = 'Removing' and path in (select r.path from ${rows} as r)
    returning file_id`.execute(db);
  return gone.map(({ file_id }) => file_id);
}

async function hasDebts(db: Db, storage: string): Promise<boolean> {
  const one = await db
    .selectFrom('remnants')
    .select('id')
    .where('storage', '=', storage)
    .where('state', '=', 'Debt')
    .limit(1)
    .executeTakeFirst();
  return one !== undefined;
}

/** A storage did not answer: what should go from it waits as a debt. Returns how much. */
export async function declareDebt(
  db: Db,
  production: number,
  storage: string,
  why: string,
  now: number,
): Promise<void> {
  await sql`
    insert into remnants (production_id, block, storage, path, shape, state, why, since)
    select f.production_id, coalesce(f.block, 0), r.storage, r.path, 'file', 'Debt', ${why}, ${now}
    from replicas r join files f on f.id = r.file_id
    where f.production_id = ${production} and r.storage = ${storage} and r.state = 'Removing'
    on conflict (storage, path) do nothing`.execute(db);
  await db
    .updateTable('remnants')
    .set({ state: 'Debt', why })
    .where('production_id', '=', production)
    .where('storage', '=', storage)
    .where('state', '=', 'Pending')
    .execute();
}

/** Remnants of a production by storage and state. */
export async function countRemnants(
  db: Db,
  production: number,
): Promise<{ storage: string; state: string; remnants: number }[]> {
  return db
    .selectFrom('remnants')
    .select((eb) => ['storage', 'state', eb.fn.countAll<number>().as('remnants')])
    .where('production_id', '=', production)
    .groupBy(['storage', 'state'])
    .execute();
}
