import { sql, type Kysely } from 'kysely';

/** Whom failures are blamed on and why; failure rates by site; jobs that were divided. */
export async function addVerdicts(db: Kysely<unknown>): Promise<void> {
  const add = (table: string) => db.schema.alterTable(table);
  await add('attempts').addColumn('blame', 'text').execute();
  await add('attempts').addColumn('rule', 'text').execute();
  await add('attempts').addColumn('evidence', 'text').execute();
  await add('jobs')
    .addColumn('uncharged', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await add('jobs').addColumn('split_from', 'integer').execute();
  await db.schema
    .createIndex('jobs_by_origin')
    .on('jobs')
    .columns(['production_id', 'split_from'])
    .where(sql<boolean>`split_from is not null`)
    .execute();
  await add('productions')
    .addColumn('judged_from', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();

  await db.schema
    .createTable('tallies')
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('period', 'bigint', (c) => c.notNull())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('class', 'text', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('tallies_key', ['production_id', 'period', 'site', 'class'])
    .execute();
  await db.schema
    .createTable('exclusions')
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('site', 'text', (c) => c.notNull().references('sites.name'))
    .addColumn('why', 'text', (c) => c.notNull())
    .addColumn('since', 'bigint', (c) => c.notNull())
    .addColumn('until', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('exclusions_key', ['production_id', 'site'])
    .execute();
}
