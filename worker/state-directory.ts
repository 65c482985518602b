import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { FabricaError, messageOf } from '../domain/errors.js';
import { makeFolder } from './folder.js';
import { identityOf } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { readUpRecord, removeUpRecord, writeUpRecord } from './up-record.js';
import type { RecordedChild, UpRecord } from './up-record.js';

/** Where things are below a state directory. */
export class StateLayout {
  readonly path: string;

  constructor(directory: string) {
    this.path = path.resolve(directory);
  }

  /** The catalog, unless the configuration puts it elsewhere. */
  get catalogFile(): string {
    return path.join(this.path, 'catalog.db');
  }

  /** State of the own Temporal server. */
  get temporalFile(): string {
    return path.join(this.path, 'temporal.db');
  }

  get logs(): string {
    return path.join(this.path, 'logs');
  }

  logFile(name: string): string {
    return path.join(this.logs, `${name}.log`);
  }

  /** Job folders of a local site. */
  siteFolder(site: string): string {
    return path.join(this.path, 'sites', site);
  }

  storageFolder(storage: string): string {
    return path.join(this.path, 'storages', storage);
  }

  /** True if the path is below the state directory. */
  holds(file: string): boolean {
    return path.resolve(file).startsWith(this.path + path.sep);
  }
}

/**
 * A state directory that this process alone has open. The lock is a transaction on `lock.db` that stays open: the operating system
 * gives it back when the process ends in whatever way, so there are no stale locks and nothing to clean by hand.
 *
 * NOTE: nothing else may open `lock.db` in this process. POSIX drops a process's locks on a file when it closes any descriptor of it.
 */
export class StateDirectory extends StateLayout {
  readonly #lock: Database.Database;
  #record: UpRecord;

  private constructor(directory: string, lock: Database.Database, record: UpRecord) {
    super(directory);
    this.#lock = lock;
    this.#record = record;
  }

  /**
   * Creates the directory where needed and takes its lock. Afterwards `up.json` tells this process's pid, with the children of a killed
   * predecessor still listed, so that a second kill loses none of them.
   * Throws `FABRICA_STATE_UNWRITABLE`, `FABRICA_STATE_IN_USE`.
   */
  static open(directory: string, namespace: string): StateDirectory {
    const layout = new StateLayout(directory);
    prepareState(layout);
    const lock = takeLock(layout.path);
    const self = identityOf(process.pid) ?? { pid: process.pid, pidStart: '' };
    const children = readUpRecord(layout.path)?.children ?? [];
    const record = { ...self, address: null, namespace, uiUrl: null, children };
    const state = new StateDirectory(layout.path, lock, record);
    try {
      state.#write();
    } catch (error) {
      giveBack(lock);
      throw unwritable(layout.path, error);
    }
    return state;
  }

  /** What `up.json` tells now. */
  get record(): UpRecord {
    return this.#record;
  }

  /** Afterwards `up.json` tells where Temporal is. */
  recordServer(address: string, uiUrl: string | null): void {
    this.#record = { ...this.#record, address, uiUrl };
    this.#write();
  }

  /** Afterwards `up.json` lists this process under the name; with null, none. */
  recordChild(name: string, identity: ProcessIdentity | null): void {
    const others = this.#record.children.filter((child) => child.name !== name);
    const children: RecordedChild[] =
      identity === null ? others : [...others, { name, ...identity }];
    this.#record = { ...this.#record, children };
    this.#write();
  }

  /** Gives the directory back. If children are still recorded, `up.json` stays for the next `up`. */
  close(): void {
    try {
      if (this.#record.children.length === 0) removeUpRecord(this.path);
    } finally {
      giveBack(this.#lock);
    }
  }

  #write(): void {
    writeUpRecord(this.path, this.#record);
  }
}

/** Makes a state directory with its folders. Throws `FABRICA_STATE_UNWRITABLE`. */
export function prepareState(layout: StateLayout): void {
  try {
    makeFolder(layout.path);
    for (const folder of ['logs', 'sites', 'storages']) makeFolder(path.join(layout.path, folder));
    accessSync(layout.path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(layout.path, error);
  }
}

/** The locks of this process. A database that nothing refers to any more is closed, and its lock is lost. */
const HELD = new Set<Database.Database>();

function giveBack(lock: Database.Database): void {
  lock.close();
  HELD.delete(lock);
}

function takeLock(directory: string): Database.Database {
  let lock: Database.Database | undefined;
  try {
    lock = new Database(path.join(directory, 'lock.db'), { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    HELD.add(lock);
    return lock;
  } catch (error) {
    lock?.close();
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) {
      throw unwritable(directory, error);
    }
    const pid = readUpRecord(directory)?.pid;
    throw new FabricaError(
      'FABRICA_STATE_IN_USE',
      `The state directory ${directory} is in use by another \`fabrica up\` (pid ${pid ?? 'not known'}).`,
      { path: directory, pid },
    );
  }
}

function unwritable(directory: string, cause: unknown): FabricaError {
  return new FabricaError(
    'FABRICA_STATE_UNWRITABLE',
    `The state directory ${directory} cannot be written: ${messageOf(cause)}`,
    { path: directory },
    {
      cause,
      ...(isReadOnly(cause)
        ? { remedy: 'Name one on a file system that takes writes, with --state.' }
        : {}),
    },
  );
}

const isReadOnly = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EROFS';
