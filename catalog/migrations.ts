import { sql, type Kysely, type Migration } from 'kysely';
import { addBlockIndexes } from './block-index-migration.js';
import { indexCampaigns } from './campaign-migration.js';
import { addEpochs } from './epochs.js';
import { addInputs } from './input-migration.js';
import { addLiveControl } from './live-control-migration.js';
import { addLogs } from './log-migration.js';
import { addSweeps } from './sweeps-migration.js';
import { addPlacingTimes } from './placing-times-migration.js';
import { expectManyRows } from './plan-statistics.js';
import { prepareReprocessing } from './reprocess-migration.js';
import { countOpenAttempts } from './open-counts-migration.js';
import { guardTransitions } from './transition-guards.js';
import { addVerdicts } from './verdicts-migration.js';

/** The migrations of the catalog, oldest first. A released one never changes. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first': { up: createTables },
  // Repeat it in a new migration when the transitions of a state change.
  '0002-transition-guards': { up: guardTransitions },
  '0003-verdicts': { up: addVerdicts },
  '0004-logs': { up: addLogs },
  '0005-sweeps': { up: addSweeps },
  '0006-reprocess': { up: prepareReprocessing },
  '0007-epochs': { up: addEpochs },
  '0008-block-indexes': { up: addBlockIndexes },
  // Repeated by each later migration that adds an index to a large table.
  '0009-plan-statistics': { up: expectManyRows },
  '0010-placing-times': { up: addPlacingTimes },
  '0013-campaigns': { up: indexCampaigns },
  '0014-inputs': { up: addInputs },
  '0015-live-control': { up: addLiveControl },
  '0016-open-counts': { up: countOpenAttempts },
};

/** Rows lie in the order of their keys, in one tree with them, not in a second one: found by one way down, and smaller. */
const BY_KEY = sql`without rowid`;

async function createTables(db: Kysely<unknown>): Promise<void> {
  const table = (name: string) => db.schema.createTable(name);

  await table('meta')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();

  await table('campaigns')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('next_seed', 'integer', (c) => c.notNull())
    .execute();

  await table('productions')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('group_name', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('campaign', 'text', (c) => c.notNull().references('campaigns.name'))
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('resume_state', 'text')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('events', 'bigint', (c) => c.notNull())
    .addColumn('estimate', 'text')
    .addColumn('job_seconds', 'real')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .addColumn('finished_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('productions_state')
    .on('productions')
    .columns(['state', 'priority'])
    .execute();

  await table('revisions')
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('definition', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('lfn_scheme', 'text', (c) => c.notNull())
    .addColumn('submitted_by', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('revisions_key', ['production_id', 'revision'])
    .execute();

  await table('blocks')
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('resume_state', 'text')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('home_storage', 'text', (c) => c.notNull())
    .addColumn('first_job', 'integer', (c) => c.notNull())
    .addColumn('jobs', 'integer', (c) => c.notNull())
    .addColumn('first_event', 'bigint', (c) => c.notNull())
    .addColumn('events', 'bigint', (c) => c.notNull())
    .addColumn('waiting', 'integer', (c) => c.notNull())
    .addColumn('counts', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('blocks_key', ['production_id', 'number'])
    .execute();

  await table('jobs')
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('block', 'integer', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('attempt', 'integer', (c) => c.notNull())
    .addColumn('charged', 'integer', (c) => c.notNull())
    .addColumn('seed', 'integer', (c) => c.notNull())
    .addColumn('first_event', 'bigint', (c) => c.notNull())
    .addColumn('events', 'bigint', (c) => c.notNull())
    .addColumn('file_index', 'integer', (c) => c.notNull())
    .addColumn('level', 'text')
    .addColumn('not_before', 'bigint', (c) => c.notNull())
    .addColumn('avoid', 'text', (c) => c.notNull())
    .addColumn('raised', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('jobs_key', ['production_id', 'number'])
    .addForeignKeyConstraint('jobs_block', ['production_id', 'block'], 'blocks', [
      'production_id',
      'number',
    ])
    .modifyEnd(BY_KEY)
    .execute();
  await db.schema
    .createIndex('jobs_by_block')
    .on('jobs')
    .columns(['production_id', 'block', 'kind', 'state'])
    .execute();

  await table('bundles')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('block', 'integer', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('site', 'text', (c) => c.notNull().references('sites.name'))
    .addColumn('ticket', 'text', (c) => c.notNull())
    .addColumn('jobs', 'integer', (c) => c.notNull())
    .addColumn('destinations', 'text', (c) => c.notNull())
    .addColumn('placed_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('bundles_by_ticket')
    .on('bundles')
    .columns(['production_id', 'block', 'ticket'])
    .execute();

  await table('attempts')
    .addColumn('production_id', 'integer', (c) => c.notNull())
    .addColumn('job', 'integer', (c) => c.notNull())
    .addColumn('attempt', 'integer', (c) => c.notNull())
    .addColumn('bundle', 'integer', (c) => c.notNull().references('bundles.id'))
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('placed_at', 'bigint', (c) => c.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('ce_id', 'text', (c) => c.notNull())
    .addColumn('node', 'text', (c) => c.notNull())
    .addColumn('step', 'text')
    .addColumn('exit_code', 'integer')
    .addColumn('class', 'text')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('log_tail', 'text', (c) => c.notNull())
    .addColumn('wall_seconds', 'real')
    .addColumn('cpu_seconds', 'real')
    .addColumn('memory_mb', 'real')
    .addPrimaryKeyConstraint('attempts_key', ['production_id', 'job', 'attempt'])
    .addForeignKeyConstraint('attempts_job', ['production_id', 'job'], 'jobs', [
      'production_id',
      'number',
    ])
    .modifyEnd(BY_KEY)
    .execute();
  await db.schema
    .createIndex('attempts_open')
    .on('attempts')
    .columns(['site', 'production_id', 'bundle'])
    .where(sql<boolean>`state in ('Submitted', 'Running')`)
    .execute();
  await db.schema
    .createIndex('attempts_failed')
    .on('attempts')
    .columns(['production_id', 'class', 'site'])
    .where(sql<boolean>`class is not null`)
    .execute();
  await db.schema.createIndex('attempts_by_bundle').on('attempts').columns(['bundle']).execute();

  await table('files')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('lfn', 'text', (c) => c.notNull().unique())
    .addColumn('production_id', 'integer', (c) => c.references('productions.id'))
    .addColumn('job', 'integer')
    .addColumn('attempt', 'integer')
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('level', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('adler32', 'text', (c) => c.notNull())
    .addColumn('events', 'bigint')
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('files_by_job')
    .on('files')
    .columns(['production_id', 'job'])
    .execute();

  await table('job_inputs')
    .addColumn('production_id', 'integer', (c) => c.notNull())
    .addColumn('job', 'integer', (c) => c.notNull())
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('file_id', 'integer', (c) => c.notNull().references('files.id'))
    .addPrimaryKeyConstraint('job_inputs_key', ['production_id', 'job', 'position'])
    .addForeignKeyConstraint('job_inputs_job', ['production_id', 'job'], 'jobs', [
      'production_id',
      'number',
    ])
    .modifyEnd(BY_KEY)
    .execute();
  await db.schema.createIndex('job_inputs_by_file').on('job_inputs').columns(['file_id']).execute();

  await table('file_parents')
    .addColumn('file_id', 'integer', (c) => c.notNull().references('files.id'))
    .addColumn('parent_id', 'integer', (c) => c.notNull().references('files.id'))
    .addPrimaryKeyConstraint('file_parents_key', ['file_id', 'parent_id'])
    .modifyEnd(BY_KEY)
    .execute();
  await db.schema
    .createIndex('file_parents_by_parent')
    .on('file_parents')
    .columns(['parent_id'])
    .execute();

  await table('replicas')
    .addColumn('file_id', 'integer', (c) => c.notNull().references('files.id'))
    .addColumn('storage', 'text', (c) => c.notNull().references('storages.name'))
    .addColumn('path', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('replicas_key', ['file_id', 'storage'])
    .addUniqueConstraint('replicas_path', ['storage', 'path'])
    .modifyEnd(BY_KEY)
    .execute();

  await table('transfers')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('block', 'integer', (c) => c.notNull())
    .addColumn('file_id', 'integer', (c) => c.notNull().references('files.id'))
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('destination', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('tries', 'integer', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('transfers_by_block')
    .on('transfers')
    .columns(['production_id', 'block', 'state'])
    .execute();
  await db.schema.createIndex('transfers_by_file').on('transfers').columns(['file_id']).execute();

  await table('remnants')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('production_id', 'integer', (c) => c.notNull().references('productions.id'))
    .addColumn('block', 'integer', (c) => c.notNull())
    .addColumn('storage', 'text', (c) => c.notNull())
    .addColumn('path', 'text', (c) => c.notNull())
    .addColumn('shape', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('why', 'text', (c) => c.notNull())
    .addColumn('since', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('remnants_path', ['storage', 'path'])
    .execute();
  await db.schema
    .createIndex('remnants_by_production')
    .on('remnants')
    .columns(['production_id', 'block', 'state'])
    .execute();

  for (const name of ['sites', 'storages']) {
    let resource = table(name)
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('area', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('override', 'text')
      .addColumn('override_by', 'text')
      .addColumn('override_reason', 'text')
      .addColumn('override_until', 'bigint')
      .addColumn('updated_at', 'bigint', (c) => c.notNull());
    if (name === 'sites') {
      resource = resource
        .addColumn('slots', 'integer', (c) => c.notNull())
        .addColumn('hs23_per_core', 'real', (c) => c.notNull())
        .addColumn('storages', 'text', (c) => c.notNull());
    } else {
      resource = resource
        .addColumn('root', 'text', (c) => c.notNull())
        .addColumn('purpose', 'text', (c) => c.notNull())
        .addColumn('total', 'bigint')
        .addColumn('free', 'bigint');
    }
    await resource.execute();
  }

  await table('events')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('who', 'text', (c) => c.notNull())
    .addColumn('production_id', 'integer', (c) => c.references('productions.id'))
    .addColumn('block', 'integer')
    .addColumn('what', 'text', (c) => c.notNull())
    .addColumn('why', 'text', (c) => c.notNull())
    .addColumn('data', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('events_by_production')
    .on('events')
    .columns(['production_id', 'id'])
    .execute();
}
