import { AsyncResource } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { messageOf } from '../domain/errors.js';
import type { Db } from './catalog.js';
import type { Tables } from './tables.js';

/** Works that share a commit, at most: those that came first shall not wait for long. */
const MOST = 20;

interface Work {
  /** Does the work; answers how its promise is settled once all is committed. Throws if the database has given the transaction up. */
  readonly run: (db: Db) => Promise<() => void>;
  readonly fail: (error: unknown) => void;
}

/**
 * Writes of a database that come at the same time share a transaction, each within a savepoint of its own: one that fails changes nothing, and
 * spoils nothing for the others. A commit waits for the disk, and costs as much as a dozen statements; the writes come by hundreds in a second.
 */
export class SharedCommit {
  readonly #db: Kysely<Tables>;
  #waiting: Work[] = [];
  #busy = false;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** All that `work` writes is durable when this resolves; if it rejects, nothing of it was written. */
  run<T>(work: (db: Db) => Promise<T>): Promise<T> {
    const done = new Promise<T>((resolve, reject) => {
      const run = async (db: Db): Promise<() => void> => {
        await sql`savepoint work`.execute(db);
        try {
          const result = await work(db);
          await sql`release work`.execute(db);
          return () => {
            resolve(result);
          };
        } catch (error) {
          await undo(db, error);
          return () => {
            reject(error instanceof Error ? error : new Error(messageOf(error)));
          };
        }
      };
      // What it logs, and whom it asks, shall be its own, not those of the work that came first.
      this.#waiting.push({ run: AsyncResource.bind(run), fail: reject });
    });
    if (!this.#busy) void this.#commitAll();
    return done;
  }

  async #commitAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) await this.#commitSome();
    this.#busy = false;
  }

  /** One transaction. It takes what comes while it goes on. */
  async #commitSome(): Promise<void> {
    const taken: Work[] = [];
    try {
      const settle = await this.#db.transaction().execute(async (db) => {
        const ends: (() => void)[] = [];
        while (taken.length < MOST) {
          if (this.#waiting.length === 0) await setImmediate();
          const next = this.#waiting.shift();
          if (next === undefined) break;
          taken.push(next);
          ends.push(await next.run(db));
        }
        return ends;
      });
      for (const one of settle) one();
    } catch (error) {
      // Not even begun, because the file is locked: they fail as they would one by one.
      for (const one of taken.length > 0 ? taken : this.#waiting.splice(0, MOST)) one.fail(error);
    }
  }
}

/** Takes back what a work has written. Where the database has done so with the whole transaction, the error of the work is thrown. */
async function undo(db: Db, error: unknown): Promise<void> {
  try {
    await sql`rollback to work`.execute(db);
    await sql`release work`.execute(db);
  } catch {
    throw error;
  }
}
