import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { Kysely, Migrator } from 'kysely';
import { systemClock, type Clock } from '../domain/clock.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import { noteOf } from './backup-note.js';
import { Catalog, catalogError, type Db } from './catalog.js';
import { countChange, type Author } from './changes.js';
import { CatalogSqliteDialect } from './dialect.js';
import { beginEpoch, presentEpoch } from './epochs.js';
import { behind, markFile, markOf, readMark, writeMark, type CatalogMark } from './mark.js';
import { MIGRATIONS } from './migrations.js';
import type { Tables } from './tables.js';

/** How long a statement waits for another process before `FABRICA_CATALOG_LOCKED`, ms. */
const BUSY_TIMEOUT = 5_000;
/** How much of it passes before a person is told, ms. */
const SILENT_TIMEOUT = 1_000;

/** Pages (of 4 kB) in the write-ahead log from which on they go into the file: rarely enough that one which changes often is written once. */
const CHECKPOINT_PAGES = 16_000;
/** Of pages kept in memory. */
const CACHE_KB = 32_000;

/**
 * Opens the catalog for the control process: creates it if it is not there, and brings its tables up to date. One that is not the one that
 * was last worked with in its place, but a backup or an older copy, gets a new epoch.
 * Throws `FABRICA_CATALOG_CORRUPT`, `_NEWER`, `_READONLY`, `_LOCKED`, or `_MISSING` where one was before; then nothing has been changed.
 */
export async function openCatalog(options: {
  file: string;
  clock?: Clock;
  author?: () => Author | null;
}): Promise<Catalog> {
  const clock = options.clock ?? systemClock;
  const mark = readMark(options.file);
  if (mark !== null && !existsSync(options.file)) throw lost(options.file, 'it is gone');
  const database = connect(options.file, {});
  try {
    if (mark !== null && isEmpty(database)) throw lost(options.file, 'the file is empty');
    // Before anything else: WAL mode stays in a file, and this one may be somebody else's.
    refuseNewer(database, options.file);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`cache_size = -${CACHE_KB}`);
    const db = new Kysely<Tables>({ dialect: new CatalogSqliteDialect(database) });
    await migrate(db);
    const epoch = await db.transaction().execute((all) => epochOfFile(all, mark, clock.now()));
    writeMark(options.file, await markOf(db));
    return new Catalog(db, options.file, clock, epoch, options.author);
  } catch (error) {
    database.close();
    throw catalogError(error, options.file);
  }
}

/**
 * Opens the catalog for looking only, as the command line does: never creates, migrates or locks it. `tell` is called once if another
 * process keeps it locked for more than a second. Throws `FABRICA_CATALOG_MISSING`, `_CORRUPT`, `_NEWER`, `_READONLY` or `_LOCKED`.
 */
export async function openCatalogReadOnly(options: {
  file: string;
  clock?: Clock;
  tell?: (message: string) => void;
}): Promise<Catalog> {
  if (!existsSync(options.file)) {
    throw new FabricaError('FABRICA_CATALOG_MISSING', `There is no catalog at ${options.file}.`, {
      file: options.file,
    });
  }
  const database = connectToLook(options.file, options.tell ?? (() => undefined));
  try {
    refuseEmpty(database, options.file);
    refuseNewer(database, options.file);
    const db = new Kysely<Tables>({ dialect: new CatalogSqliteDialect(database) });
    const row = await db
      .selectFrom('meta')
      .select('value')
      .where('key', '=', 'epoch')
      .executeTakeFirst();
    return new Catalog(db, options.file, options.clock ?? systemClock, row?.value ?? '');
  } catch (error) {
    database.close();
    throw catalogError(error, options.file);
  }
}

/** SQLite waits within the call, and nothing can be told meanwhile: so a short wait comes first. */
function connectToLook(file: string, tell: (message: string) => void): Database.Database {
  let database: Database.Database;
  try {
    database = connect(file, { readonly: true, timeout: SILENT_TIMEOUT });
  } catch (error) {
    if (!(error instanceof FabricaError) || error.code !== 'FABRICA_CATALOG_LOCKED') throw error;
    const timeout = BUSY_TIMEOUT - SILENT_TIMEOUT;
    tell(`${error.message} Waiting for at most ${timeout / 1000} s more.`);
    database = connect(file, { readonly: true, timeout });
  }
  database.pragma(`busy_timeout = ${BUSY_TIMEOUT}`);
  return database;
}

function connect(file: string, options: Database.Options): Database.Database {
  let database: Database.Database | null = null;
  try {
    database = new Database(file, { timeout: BUSY_TIMEOUT, ...options });
    database.pragma('schema_version');
    return database;
  } catch (error) {
    database?.close();
    throw catalogError(error, file);
  }
}

/** An empty catalog in the place of a lost one would call all that the lost one knew unknown. */
function lost(file: string, how: string): FabricaError {
  return new FabricaError(
    'FABRICA_CATALOG_MISSING',
    `There was a catalog at ${file}, and ${how}.`,
    { file },
    {
      remedy: `Put a backup in its place with \`fabrica restore\`. To begin with nothing, remove ${markFile(file)} as well.`,
    },
  );
}

/** A file that was emptied, or whose first process died before it had made the tables. */
function isEmpty(database: Database.Database): boolean {
  return database.prepare('select 1 from sqlite_master limit 1').get() === undefined;
}

function refuseEmpty(database: Database.Database, file: string): void {
  if (!isEmpty(database)) return;
  throw new FabricaError('FABRICA_CATALOG_CORRUPT', `The catalog ${file} is empty.`, { file });
}

function refuseNewer(database: Database.Database, file: string): void {
  const tables = database
    .prepare(`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`)
    .pluck()
    .all();
  if (tables.length === 0) return;
  if (!tables.includes('kysely_migration')) {
    throw new FabricaError('FABRICA_CATALOG_CORRUPT', `${file} is no Fabrica catalog.`, { file });
  }
  const applied = database.prepare('select name from kysely_migration order by name').pluck().all();
  const unknown = applied.filter((name) => !Object.hasOwn(MIGRATIONS, String(name)));
  if (unknown.length > 0) {
    throw new FabricaError(
      'FABRICA_CATALOG_NEWER',
      `The catalog ${file} was changed by a newer version of Fabrica (${unknown.join(', ')}).`,
      { file },
    );
  }
}

async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error instanceof Error ? error : new Error(messageOf(error));
}

/** The present epoch of the file; a new one if it is a backup or an older copy of what was worked with last. */
async function epochOfFile(db: Db, mark: CatalogMark | null, now: number): Promise<string> {
  const epoch = await presentEpoch(db, now);
  const note = await noteOf(db);
  const why =
    note !== null
      ? `a backup of ${new Date(note.at).toISOString()} was put in the place of the catalog`
      : mark === null
        ? null
        : behind(await markOf(db), mark);
  // A start counts as well: a copy from before it is older, whatever comes of the start.
  await countChange(db, null, now);
  if (why === null) return epoch;
  await db.deleteFrom('meta').where('key', '=', 'backup').execute();
  return beginEpoch(db, { why, who: 'fabrica', known: mark?.epochs ?? [], now });
}
