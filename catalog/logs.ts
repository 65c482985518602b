import { sql } from 'kysely';
import type { AttemptKey } from '../domain/bundle.js';
import type { ArchivedLogs } from '../domain/log-archive.js';
import type { BundleRow } from './attempts.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** Registers the archive of a bundle's logs, and which attempts are in it. */
export async function insertLogArchive(
  db: Db,
  bundle: BundleRow,
  archive: Omit<ArchivedLogs, 'attempts'> & { lfn: string; attempts: readonly AttemptKey[] },
  now: number,
): Promise<void> {
  const { lfn, size, adler32, storage, path } = archive;
  const { id } = await db
    .insertInto('files')
    .values({
      lfn,
      production_id: bundle.production_id,
      job: null,
      attempt: null,
      kind: 'log',
      level: 'log',
      state: 'Valid',
      size,
      adler32,
      events: null,
      metadata: '{}',
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('replicas')
    .values({ file_id: id, storage, path, state: 'Available', created_at: now })
    .execute();
  await db.updateTable('bundles').set({ log_file: id }).where('id', '=', bundle.id).execute();
  const rows = rowsOf(
    archive.attempts.map(({ job, attempt }) => ({
      production: bundle.production_id,
      job,
      attempt,
    })),
    { production: 'integer', job: 'integer', attempt: 'integer' },
  );
  await sql`
    update attempts set log_kept = 1 from ${rows} as r
    where attempts.production_id = r.production and attempts.job = r.job and attempts.attempt = r.attempt
      and +attempts.bundle = ${bundle.id}`.execute(db);
}

/** Archives of logs, of any production, that are older than `keepFor` (s): file ids, the oldest first, at most `limit`. */
export async function expiredLogs(
  db: Db,
  now: number,
  keepFor: number,
  limit: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom('files')
    .select('id')
    .where('kind', '=', sql.lit('log'))
    .where('state', '=', sql.lit('Valid'))
    .where('created_at', '<=', now - 1000 * keepFor)
    .orderBy('created_at')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** Condemns archives of logs: no longer `Valid`, and every replica to be removed. Only the removal itself is left to do. */
export async function condemnLogs(db: Db, files: readonly number[]): Promise<void> {
  if (files.length === 0) return;
  const ids = rowsOf(
    files.map((id) => ({ id })),
    { id: 'integer' },
  );
  const logs = sql`(select f.id from ${ids} as r cross join files f where f.id = r.id and f.kind = 'log')`;
  await sql`update replicas set state = 'Removing' where file_id in ${logs}`.execute(db);
  await sql`update files set state = 'Invalid' where state = 'Valid' and id in ${logs}`.execute(db);
}

/** The archives of a production's logs that are still there. */
export async function logsOfProduction(db: Db, production: number): Promise<number[]> {
  const rows = await db
    .selectFrom('bundles')
    .innerJoin('files', 'files.id', 'bundles.log_file')
    .select('files.id')
    .where('bundles.production_id', '=', production)
    .where('files.state', '=', 'Valid')
    .execute();
  return rows.map((row) => row.id);
}
