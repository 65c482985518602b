import type Database from 'better-sqlite3';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { ReadingStatement } from './reading-statement.js';

/** Different statements that stay prepared: more than the catalog has texts of. */
const KEPT = 500;
/** Longer texts are lists of values, and do not come again. */
const LONGEST = 8_000;

/**
 * A database that prepares each text once, as long as it is among those used last: preparing costs more than most of the catalog's
 * statements themselves. Only what reads and writes rows is kept: a change of tables comes once.
 */
export class PreparedStatements implements SqliteDatabase {
  readonly #database: Database.Database;
  /** The one used last comes last. */
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: Database.Database) {
    this.#database = database;
  }

  prepare(text: string): SqliteStatement {
    const known = this.#statements.get(text);
    if (known !== undefined) {
      this.#statements.delete(text);
      this.#statements.set(text, known);
      return known;
    }
    const prepared = this.#database.prepare(text);
    const statement = prepared.reader
      ? new ReadingStatement(prepared)
      : (prepared as unknown as SqliteStatement);
    if (text.length <= LONGEST && ON_ROWS.test(text)) {
      this.#statements.set(text, statement);
      const [oldest = ''] = this.#statements.keys();
      if (this.#statements.size > KEPT) this.#statements.delete(oldest);
    }
    return statement;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

const ON_ROWS = /^\s*(select|insert|update|delete|with|begin|commit|rollback|savepoint|release)\b/i;
