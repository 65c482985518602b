import type { Kysely, Transaction } from 'kysely';
import type { Clock } from '../domain/clock.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import { countChange, type Author } from './changes.js';
import { forbiddenTransition, sqliteTrouble } from './dialect.js';
import { SharedCommit } from './shared-commit.js';
import type { Tables } from './tables.js';
import { writeFault } from './write-fault.js';
import { clause } from '../domain/clause.js';

/** Reads and writes of one transaction; every statement of the catalog takes one as its first argument. */
export type Db = Kysely<Tables> | Transaction<Tables>;

/** An open catalog. */
export class Catalog {
  readonly #commits: SharedCommit;

  constructor(
    readonly db: Kysely<Tables>,
    readonly file: string,
    readonly clock: Clock,
    /** The present one. It changes only before any work begins: see `beginEpoch`. */
    public epoch: string,
    /** Which activity of a workflow makes the change that is just being made; null if none does. */
    readonly author: () => Author | null = () => null,
  ) {
    this.#commits = new SharedCommit(db);
  }

  /** Runs reads outside a transaction; errors of the database become `FABRICA_CATALOG_*`. */
  async read<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.#translated(() => work(this.db));
  }

  /** Runs reads and writes in one transaction: all of them happen, or none. Calls at the same time may share it. */
  async write<T>(work: (db: Db) => Promise<T>): Promise<T> {
    const author = this.author();
    return this.#translated(() =>
      this.#commits.run(async (db) => {
        const result = await work(db);
        await countChange(db, author, this.clock.now());
        return result;
      }),
    );
  }

  async close(): Promise<void> {
    await this.db.destroy();
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw catalogError(error, this.file);
    }
  }
}

/** The FabricaError that tells what befell the catalog file; errors of other kinds come back as they are. */
export function catalogError(error: unknown, file: string): Error {
  const place = { file };
  switch (sqliteTrouble(error)) {
    case 'locked':
      return new FabricaError(
        'FABRICA_CATALOG_LOCKED',
        `The catalog ${file} is locked by another process.`,
        place,
        { cause: error },
      );
    case 'readonly':
      return new FabricaError(
        'FABRICA_CATALOG_READONLY',
        `The catalog ${file} can not be opened or written: ${writeFault(file) ?? clause(messageOf(error))}.`,
        place,
        { cause: error },
      );
    case 'full':
      return new FabricaError(
        'FABRICA_CATALOG_READONLY',
        `The disk of the catalog ${file} refuses writes: ${clause(messageOf(error))}.`,
        place,
        { cause: error },
      );
    case 'corrupt':
      return new FabricaError(
        'FABRICA_CATALOG_CORRUPT',
        `${file} is damaged or is no catalog: ${clause(messageOf(error))}.`,
        place,
        { cause: error },
      );
    case null: {
      const forbidden = forbiddenTransition(error);
      if (forbidden !== null) {
        return new FabricaError(
          'FABRICA_TRANSITION_FORBIDDEN',
          `The catalog ${file} refuses a change of state in its table ${forbidden}.`,
          place,
          { cause: error },
        );
      }
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  }
}
