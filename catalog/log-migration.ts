import { sql, type Kysely } from 'kysely';

/** When bundles were submitted and cleared, when the ends of attempts were recorded, and which logs are archived where. */
export async function addLogs(db: Kysely<unknown>): Promise<void> {
  for (const column of ['submitted_at', 'cleared_at']) {
    await db.schema.alterTable('bundles').addColumn(column, 'bigint').execute();
  }
  await sql`alter table bundles add column log_file integer references files (id)`.execute(db);
  await db.schema.alterTable('attempts').addColumn('settled_at', 'bigint').execute();
  await sql`alter table attempts add column log_kept integer not null default 0`.execute(db);
  // What was forgotten at its site before that was recorded can be told by its block only.
  await sql`
    update bundles set cleared_at = placed_at
    where exists (select 1 from blocks b where b.production_id = bundles.production_id and b.number = bundles.block
                                           and b.state in ('Finished', 'Discarded'))`.execute(db);
  await sql`update attempts set ended_at = placed_at where class is not null and ended_at is null`.execute(
    db,
  );
  await sql`
    create index bundles_uncleared on bundles (production_id, block) where cleared_at is null`.execute(
    db,
  );
  await sql`
    create index attempts_failed_at on attempts (ended_at, production_id) where class is not null`.execute(
    db,
  );
  await sql`
    create index files_logs on files (created_at) where kind = 'log' and state = 'Valid'`.execute(
    db,
  );
}
