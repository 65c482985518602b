import type Database from 'better-sqlite3';
import { asError } from '../../domain/errors.js';

interface Write {
  /** Runs the work; answers how its promise is to be settled once the transaction is committed. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Writes of a database that are asked for in one turn of the event loop share a transaction at its end: many calls at once cost one
 * commit, and the database is never locked for longer than they take.
 */
export class SharedTransaction {
  readonly #database: Database.Database;
  #writes: Write[] = [];

  constructor(database: Database.Database) {
    this.#database = database;
  }

  /** Resolves to what `work` returned, once it is durable. If it throws, it must have written nothing. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#writes.length === 0) {
        setImmediate(() => {
          this.#commit();
        });
      }
      const run = (): (() => void) => {
        try {
          const result = work();
          return () => {
            resolve(result);
          };
        } catch (error) {
          return () => {
            reject(asError(error));
          };
        }
      };
      this.#writes.push({
        run,
        fail: (error) => {
          reject(asError(error));
        },
      });
    });
  }

  #commit(): void {
    const writes = this.#writes;
    this.#writes = [];
    try {
      const settle = this.#database.transaction(() => writes.map(({ run }) => run())).immediate();
      for (const one of settle) one();
    } catch (error) {
      for (const { fail } of writes) fail(error);
    }
  }
}
