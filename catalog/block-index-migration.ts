import { sql, type Kysely } from 'kysely';

/** Files know their block, and the jobs of a block that wait are found in order: so no page of a block reads all of it. */
export async function addBlockIndexes(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('files').addColumn('block', 'integer').execute();
  await sql`
    update files set block = (
      select j.block from jobs j where j.production_id = files.production_id and j.number = files.job)
    where job is not null`.execute(db);
  await sql`
    create index files_present on files (production_id, block) where state <> 'Removed'`.execute(
    db,
  );
  await sql`drop index jobs_by_block`.execute(db);
  await sql`create index jobs_by_block on jobs (production_id, block, kind, state, number)`.execute(
    db,
  );
}
