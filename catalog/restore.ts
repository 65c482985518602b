import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../domain/clock.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { BackupNote } from './backup-note.js';
import { sync } from './backup.js';
import { catalogError } from './catalog.js';
import { sqliteTrouble } from './dialect.js';
import { beginEpoch } from './epochs.js';
import { markOf, readMark, writeMark, type CatalogMark } from './mark.js';
import { openCatalog, openCatalogReadOnly } from './open.js';
import { clause } from '../domain/clause.js';

/** What a restore has done. */
export interface Restoration {
  readonly epoch: string;
  /** What the file told of itself; null if it was no backup of `fabrica backup`. */
  readonly backup: BackupNote | null;
  /** Where the catalog is that was there before; null if there was none. */
  readonly replaced: string | null;
}

/** How long somebody who just looks may have the catalog open, ms. */
const PATIENCE = 3_000;

/**
 * Puts a backup in the place of the catalog, with an epoch of its own; what was there is kept beside it. At each moment the one or the other
 * is in its place. Throws, and has changed nothing then: `FABRICA_CATALOG_IN_USE` while a process has the catalog open,
 * `FABRICA_CATALOG_MISSING`, `_CORRUPT` or `_NEWER` about the file.
 */
export async function restoreCatalog(options: {
  backup: string;
  catalogFile: string;
  who: string;
  clock: Clock;
}): Promise<Restoration> {
  const { backup, catalogFile, clock, who } = options;
  await checkBackup(backup);
  const draft = `${catalogFile}.restoring`;
  removeDatabase(draft);
  try {
    const present = existsSync(catalogFile) ? closed(catalogFile) : null;
    const known = [...(readMark(catalogFile)?.epochs ?? []), ...(present?.epochs ?? [])];
    await copy(backup, draft);
    const restored = await withNewEpoch(draft, { backup, who, clock, known });
    const replaced = present === null ? null : keep(catalogFile, present.whole, clock);
    writeMark(catalogFile, restored.mark);
    renameSync(draft, catalogFile);
    sync(path.dirname(catalogFile));
    return { epoch: restored.epoch, backup: restored.note, replaced };
  } finally {
    removeDatabase(draft);
  }
}

/** It opens, is a catalog of a version that is known here, and SQLite finds nothing wrong with it. */
async function checkBackup(file: string): Promise<void> {
  const looking = await openCatalogReadOnly({ file }).catch((error: unknown) => {
    if (!(error instanceof FabricaError) || error.code !== 'FABRICA_CATALOG_MISSING') throw error;
    throw new FabricaError('FABRICA_CATALOG_MISSING', `There is no file ${file}.`, { file });
  });
  await looking.close();
  const database = new Database(file, { readonly: true });
  try {
    const problem = database.pragma('integrity_check(1)', { simple: true });
    if (problem !== 'ok') throw damaged(file, String(problem));
  } catch (error) {
    throw catalogError(error, file);
  } finally {
    database.close();
  }
}

function damaged(file: string, what: string): FabricaError {
  return new FabricaError('FABRICA_CATALOG_CORRUPT', `${file} is damaged: ${what}.`, { file });
}

/** Afterwards the catalog is one file that nobody has open. A damaged one has no epochs to tell, and is no one file (`whole`). */
function closed(file: string): { epochs: string[]; whole: boolean } {
  let database: Database.Database | null = null;
  try {
    database = new Database(file, { timeout: PATIENCE });
    const has = database
      .prepare("select count(*) from sqlite_master where name = 'epochs'")
      .pluck()
      .get();
    const epochs = database
      .prepare(
        has === 1 ? 'select epoch from epochs' : "select value from meta where key = 'epoch'",
      )
      .pluck()
      .all()
      .map(String);
    // Only the last to have it open may leave WAL mode: whoever else has it open is found out so.
    database.pragma('journal_mode = DELETE');
    return { epochs, whole: true };
  } catch (error) {
    if (sqliteTrouble(error) !== 'locked') return { epochs: [], whole: false };
    throw new FabricaError(
      'FABRICA_CATALOG_IN_USE',
      `The catalog ${file} is open in another process.`,
      { file },
      { cause: error },
    );
  } finally {
    database?.close();
  }
}

async function copy(from: string, to: string): Promise<void> {
  const source = new Database(from, { readonly: true });
  try {
    await source.backup(to);
  } finally {
    source.close();
  }
}

/** Brings the file up to date and gives it its epoch; afterwards it is one file, on its disk. */
async function withNewEpoch(
  draft: string,
  given: { backup: string; who: string; clock: Clock; known: readonly string[] },
): Promise<{ epoch: string; mark: CatalogMark; note: BackupNote | null }> {
  const { backup, clock, known, who } = given;
  const note = takeNote(draft);
  const catalog = await openCatalog({ file: draft, clock });
  try {
    const of = note === null ? '' : `, a backup of ${new Date(note.at).toISOString()}`;
    const why = `restored from ${path.resolve(backup)}${of}`;
    const epoch = await catalog.write((db) =>
      beginEpoch(db, { why, who, known, now: clock.now() }),
    );
    return { epoch, mark: await catalog.read(markOf), note };
  } finally {
    await catalog.close();
    const database = new Database(draft);
    database.pragma('journal_mode = DELETE');
    database.close();
    sync(draft);
  }
}

function takeNote(draft: string): BackupNote | null {
  const database = new Database(draft);
  try {
    const text = database.prepare("select value from meta where key = 'backup'").pluck().get();
    database.exec("delete from meta where key = 'backup'");
    return typeof text === 'string' ? (JSON.parse(text) as BackupNote) : null;
  } finally {
    database.close();
  }
}

/** A second name for what is in place, so that the place is never empty; a damaged database takes along what belongs to it. */
function keep(file: string, whole: boolean, clock: Clock): string {
  const date = new Date(clock.now())
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '');
  let kept = `${file}.replaced-${date}`;
  for (let n = 2; existsSync(kept); n++) kept = `${file}.replaced-${date}-${n}`;
  try {
    linkSync(file, kept);
  } catch (error) {
    throw new FabricaError(
      'FABRICA_CATALOG_READONLY',
      `The catalog ${file} can not be kept as ${kept}: ${clause(messageOf(error))}.`,
      { file },
      { cause: error },
    );
  }
  if (!whole) {
    for (const end of ['-wal', '-shm']) {
      if (existsSync(file + end)) renameSync(file + end, kept + end);
    }
  }
  return kept;
}

function removeDatabase(file: string): void {
  for (const end of ['', '-journal', '-wal', '-shm', '.mark']) rmSync(file + end, { force: true });
}
