import { closeSync, existsSync, fstatSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { BackupNote } from './backup-note.js';
import { catalogError, type Catalog } from './catalog.js';
import { sqliteTrouble } from './dialect.js';
import { clause } from '../domain/clause.js';

/** A backup that has been made. */
export interface Backup extends BackupNote {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

/** Pages that are copied between two looks at what else there is to do: some 4 MB. */
const PAGES = 1000;

/**
 * Writes what the catalog holds at this moment to a file of its own, while it is worked with. The file appears whole and checked, or not at
 * all. Throws `FABRICA_BACKUP_TARGET` if the file is there already and not to be replaced, or can not be written, and
 * `FABRICA_CATALOG_CORRUPT` if the copy does not stand the check.
 */
export async function backUp(
  catalog: Pick<Catalog, 'file' | 'clock'>,
  target: string,
  options: { replace: boolean; tell: (share: number) => void },
): Promise<Backup> {
  if (existsSync(target) && !options.replace) {
    throw new FabricaError('FABRICA_BACKUP_TARGET', `${target} is there already.`, {
      file: target,
    });
  }
  const draft = `${target}.part-${process.pid}`;
  try {
    const note = await copyTo(draft, catalog, options.tell);
    checkCopy(draft, note);
    const size = sync(draft);
    renameSync(draft, target);
    sync(path.dirname(target));
    return { ...note, file: target, size };
  } catch (error) {
    if (error instanceof FabricaError) throw error;
    if (sqliteTrouble(error) === 'corrupt') throw catalogError(error, catalog.file);
    throw new FabricaError(
      'FABRICA_BACKUP_TARGET',
      `The backup ${target} can not be written: ${clause(messageOf(error))}.`,
      { file: target },
      { cause: error, remedy: 'Name a file in a folder that is there and can be written.' },
    );
  } finally {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(draft + end, { force: true });
  }
}

/**
 * NOTE: the transaction that stays open holds the copy to one moment. Without it SQLite begins anew with each change by another process,
 * and would never come to an end.
 */
async function copyTo(
  draft: string,
  { clock, file }: Pick<Catalog, 'file' | 'clock'>,
  tell: (share: number) => void,
): Promise<BackupNote> {
  const source = new Database(file, { readonly: true, timeout: 5_000 });
  try {
    source.exec('begin');
    const at = clock.now();
    const epoch = source.prepare("select value from meta where key = 'epoch'").pluck().get();
    const event = source.prepare('select coalesce(max(id), 0) from events').pluck().get();
    await source.backup(draft, {
      progress: ({ remainingPages, totalPages }) => {
        tell(totalPages === 0 ? 1 : 1 - remainingPages / totalPages);
        return PAGES;
      },
    });
    return { at, epoch: String(epoch), event: Number(event) };
  } finally {
    source.close();
  }
}

/** Notes in the copy what it is, makes one file of it, and has SQLite check it. */
function checkCopy(draft: string, note: BackupNote): void {
  const copy = new Database(draft);
  try {
    copy.pragma('journal_mode = DELETE');
    copy
      .prepare("insert or replace into meta (key, value) values ('backup', ?)")
      .run(JSON.stringify(note));
    const problems = copy.pragma('integrity_check(5)', { simple: false }) as {
      integrity_check: string;
    }[];
    if (problems[0]?.integrity_check === 'ok') return;
    const told = problems.map((one) => one.integrity_check).join('; ');
    throw new FabricaError(
      'FABRICA_CATALOG_CORRUPT',
      `The catalog is damaged, and so is every copy of it: ${told}.`,
    );
  } finally {
    copy.close();
  }
}

/** Afterwards the file or folder is on its disk; returns its size. */
export function sync(file: string): number {
  const handle = openSync(file, 'r');
  try {
    fsyncSync(handle);
    return fstatSync(handle).size;
  } finally {
    closeSync(handle);
  }
}
