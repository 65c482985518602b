import Database from 'better-sqlite3';
import { catalogError } from '../catalog.js';

/**
 * Tries to take the lock that every change of the catalog needs, and gives it back at once; nothing is changed. Throws
 * `FABRICA_CATALOG_LOCKED` if another process holds it for `milliseconds`, and `FABRICA_CATALOG_READONLY` if this one may not write.
 */
export function tryWriteLock(file: string, milliseconds: number): void {
  let database: Database.Database | null = null;
  try {
    database = new Database(file, { timeout: milliseconds, fileMustExist: true });
    database.exec('begin immediate');
    database.exec('rollback');
  } catch (error) {
    throw catalogError(error, file);
  } finally {
    database?.close();
  }
}
