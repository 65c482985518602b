import type Database from 'better-sqlite3';
import type { SqliteStatement } from 'kysely';

type Row = Record<string, unknown>;

/**
 * A statement that answers rows. It has the driver give each row as a list, and names the values itself: the driver would look each column's name up
 * again for each row, which takes longer than the reading.
 */
export class ReadingStatement implements SqliteStatement {
  readonly reader = true;
  readonly #statement: Database.Statement<unknown[], unknown[]>;
  #names: readonly string[];

  constructor(statement: Database.Statement) {
    this.#statement = (statement as Database.Statement<unknown[], unknown[]>).raw();
    this.#names = namesOf(this.#statement);
  }

  all(parameters: readonly unknown[]): Row[] {
    const lists = this.#statement.all(parameters);
    // SQLite prepares it anew where a table has got another column meanwhile.
    if (lists[0] !== undefined && lists[0].length !== this.#names.length) {
      this.#names = namesOf(this.#statement);
    }
    return lists.map((values) => named(this.#names, values));
  }

  *iterate(parameters: readonly unknown[]): IterableIterator<Row> {
    for (const values of this.#statement.iterate(parameters)) {
      yield named(this.#names, values);
    }
  }

  run(parameters: readonly unknown[]): Database.RunResult {
    return this.#statement.run(parameters);
  }
}

function named(names: readonly string[], values: readonly unknown[]): Row {
  const row: Row = {};
  for (let place = 0; place < names.length; place++) row[names[place] ?? ''] = values[place];
  return row;
}

const namesOf = (statement: Database.Statement<unknown[], unknown[]>): string[] =>
  statement.columns().map(({ name }) => name);
