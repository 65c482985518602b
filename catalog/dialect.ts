import {
  CompiledQuery,
  SqliteDialect,
  SqliteDriver,
  sql,
  type DatabaseConnection,
  type Driver,
  type Kysely,
  type RawBuilder,
} from 'kysely';
import type Database from 'better-sqlite3';
import type { TransitionTable } from '../domain/transition.js';
import type { Tables } from './tables.js';
import { EachRowConnection } from './each-row.js';
import { PreparedStatements } from './prepared-statements.js';

/** Everything that differs between SQL dialects is in this file. Today: SQLite. */

/** Write transactions take the lock when they begin: a reader that turns writer half-way could never be retried by SQLite. */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #database: Database.Database;
  readonly #statements: PreparedStatements;
  #connection: DatabaseConnection | undefined;

  constructor(database: Database.Database) {
    const statements = new PreparedStatements(database);
    super({ database: statements });
    this.#database = database;
    this.#statements = statements;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    this.#connection ??= new EachRowConnection(connection, (text) =>
      this.#statements.prepare(text),
    );
    return this.#connection;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** SQLite itself rolls back when the disk is full: a second time would only hide the reason. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

export class CatalogSqliteDialect extends SqliteDialect {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#database);
  }
}

export type ColumnKind = 'integer' | 'real' | 'text';

/**
 * A derived table of many rows in one parameter: bulk statements stay the same text, compiled once, however many rows.
 * Use it as `... from ${rowsOf(rows, { job: 'integer', state: 'text' })} as r`.
 *
 * NOTE: join the whole key with `r`, the production too: with `production_id = ${production}` beside it, SQLite reads all jobs of
 * the production, and the list again for each of them.
 */
export function rowsOf<C extends string>(
  rows: readonly Readonly<Record<NoInfer<C>, string | number | null>>[],
  columns: Readonly<Record<C, ColumnKind>>,
): RawBuilder<Record<C, unknown>> {
  const names = Object.keys(columns) as C[];
  const selected = names.map(
    (name, place) => sql`json_extract(value, ${sql.lit(`$[${place}]`)}) as ${sql.ref(name)}`,
  );
  const values = JSON.stringify(rows.map((row) => names.map((name) => row[name])));
  return sql`(select ${sql.join(selected)} from json_each(${values}))`;
}

/** The number that the next row of a table gets, which counts on from those that have been given ever: within a transaction, who has asked may use it. */
export async function nextId(db: Kysely<Tables>, table: 'files'): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    select seq from sqlite_sequence where name = ${table}`.execute(db);
  return (rows[0]?.seq ?? 0) + 1;
}

/** The values of a column of a group, in their order, in one text with blanks between. */
export function joinedText(column: string): RawBuilder<string> {
  return sql`group_concat(${sql.ref(column)}, ' ' order by ${sql.ref(column)})`;
}

const FORBIDDEN = 'forbidden change of state in ';

/**
 * Statements that have the database refuse changes of `state` which the transitions do not allow; instead of an earlier guard of the same
 * table. What a refusal says is told by `forbiddenTransition`.
 *
 * NOTE: its text must be a literal. SQLite before 3.47 takes no expression there, and one such trigger makes the whole file unreadable for
 * the older programs that people look into a catalog with. And each state is compared by itself: for `in (...)` SQLite would make a table of its own
 * with each row that changes, which costs more than the change.
 */
export function transitionGuard(table: string, transitions: TransitionTable<string>): string[] {
  const allowed = Object.entries(transitions)
    .filter(([, to]) => to.length > 0)
    .map(([from, to]) => {
      const states = to.map((state) => `new.state = '${state}'`).join(' or ');
      return `(old.state = '${from}' and (${states}))`;
    });
  return [
    `drop trigger if exists ${table}_transitions`,
    `create trigger ${table}_transitions before update of state on ${table}
     when old.state <> new.state and not (${allowed.join(' or ')})
     begin
       select raise(abort, '${FORBIDDEN}${table}');
     end`,
  ];
}

/** The table whose guard has refused a change; null for every other error. */
export function forbiddenTransition(error: unknown): string | null {
  if (!(error instanceof Error) || !error.message.startsWith(FORBIDDEN)) return null;
  return error.message.slice(FORBIDDEN.length);
}

/** The error codes of better-sqlite3 by what they mean. */
export function sqliteTrouble(error: unknown): 'locked' | 'readonly' | 'corrupt' | 'full' | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'locked';
  if (code.startsWith('SQLITE_READONLY') || code === 'SQLITE_CANTOPEN' || code === 'SQLITE_PERM') {
    return 'readonly';
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return 'corrupt';
  // better-sqlite3 looks for the folder itself.
  if (error instanceof TypeError && error.message.startsWith('Cannot open database')) {
    return 'readonly';
  }
  if (code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR')) return 'full';
  return null;
}
