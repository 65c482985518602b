import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';

/** Looks into the catalog from outside, a new connection each time: faults break connections. */
export class CatalogView {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** State and reason of a production; null if it is not known, or the catalog can not be read now. */
  production(name: string): { state: string; reason: string } | null {
    return this.#asked(
      (db) =>
        db
          .prepare<[string], { state: string; reason: string }>(
            'select state, reason from productions where name = ?',
          )
          .get(name) ?? null,
    );
  }

  /** Attempts whose end is recorded, at all sites or at one; null if the catalog can not be read now. */
  endedAttempts(site: string | null): number | null {
    return this.#asked(
      (db) =>
        db
          .prepare<[string | null, string | null], number>(
            `select count(*) from attempts
             where state not in ('Submitted', 'Running') and (? is null or site = ?)`,
          )
          .pluck()
          .get(site, site) ?? null,
    );
  }

  /** Attempts that ended after a time (ms since 1970) and are recorded; null if the catalog can not be read now. */
  endedSince(time: number): number | null {
    return this.#asked(
      (db) =>
        db
          .prepare<[number], number>('select count(*) from attempts where ended_at > ?')
          .pluck()
          .get(time) ?? null,
    );
  }

  /** Attempts after the first of their job; null if the catalog can not be read now. */
  repeatedAttempts(): number | null {
    return this.#asked(
      (db) =>
        db.prepare<[], number>('select count(*) from attempts where attempt > 1').pluck().get() ??
        null,
    );
  }

  #asked<T>(ask: (db: Database.Database) => T | null): T | null {
    if (!existsSync(this.#file)) return null;
    try {
      const db = new Database(this.#file, { readonly: true, timeout: 200 });
      try {
        return ask(db);
      } finally {
        db.close();
      }
    } catch {
      return null;
    }
  }
}
