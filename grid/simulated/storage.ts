import { hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Adler32, adler32 } from '../../domain/adler32.js';
import type { Clock } from '../../domain/clock.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type {
  BulkOptions,
  Expected,
  Space,
  StorageElement,
  StoredFile,
} from '../storage/storage-element.js';
import { checkForeignPath, checkStoragePath } from '../storage/storage-path.js';
import { beginOf } from './begin.js';
import { isOut, type Outage } from './outage.js';
import { SharedTransaction } from './shared-transaction.js';

export interface SimulatedStorageOptions {
  readonly name: string;
  /** Its memory is a database in this folder; created if it is not there. */
  readonly folder: string;
  /** Bytes. */
  readonly capacity: number;
  readonly readOnly: boolean;
  /** Each call takes this long, ms, for however many files it is. */
  readonly slowness: number;
  /** For how many of its files, 0..1, it tells a wrong checksum. */
  readonly lies: number;
  readonly outages: readonly Outage[];
  /** Simulated seconds per second; they count from the first use of the storage. */
  readonly speed: number;
  readonly clock: Clock;
}

/** A file of a simulated job: its size and checksum stand for its content. */
export interface MadeFile extends Expected {
  readonly path: string;
}

/** The attempt that `holder` names claims a path. */
export interface Claim {
  readonly path: string;
  readonly holder: string;
}

interface ListedRow extends Expected {
  readonly path: string;
}

/** Trouble that somebody makes while it is used, by a change of its database; it comes on top of the configured one. */
interface Trouble {
  readonly readOnly: number;
  readonly isFull: number;
  readonly isOut: number;
  /** ms. */
  readonly slowness: number;
}

/** Files that are put whole are kept whole up to this size, bytes: payloads and logs are read again. */
const LARGEST_CONTENT = 16_000_000;

const SCHEMA = `
  create table if not exists files (
    path text primary key, size integer not null, adler32 text not null, content blob
  ) without rowid;
  create table if not exists room (id integer primary key check (id = 1), used integer not null);
  insert into room values (1, 0) on conflict do nothing;
  create table if not exists trouble (
    id integer primary key check (id = 1), readOnly integer not null, isFull integer not null, isOut integer not null,
    slowness integer not null
  ) without rowid;
  insert into trouble values (1, 0, 0, 0, 0) on conflict do nothing;
  create trigger if not exists file_made after insert on files
    begin update room set used = used + new.size; end;
  create trigger if not exists file_gone after delete on files
    begin update room set used = used - old.size; end;`;

/**
 * A storage that remembers what files it holds, their sizes and checksums, but not what is in those that simulated jobs make. Processes share
 * it by its database.
 */
export class SimulatedStorage implements StorageElement {
  readonly name: string;
  readonly kind = 'simulated';
  readonly #options: SimulatedStorageOptions;
  readonly #database: Database.Database;
  readonly #writes: SharedTransaction;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #begin: number;
  #trouble = NO_TROUBLE;
  #troubleRead = -Infinity;

  constructor(options: SimulatedStorageOptions) {
    this.name = options.name;
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    this.#database = new Database(path.join(options.folder, `${options.name}.db`));
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = NORMAL');
    this.#database.pragma('wal_autocheckpoint = 8000');
    this.#database.exec(SCHEMA);
    this.#writes = new SharedTransaction(this.#database);
    this.#statements = statementsOf(this.#database);
    this.#begin = beginOf(this.#database, options.clock.now());
  }

  url(storagePath: string): string {
    checkStoragePath(this.name, storagePath);
    return `simulated:${this.name}${storagePath}`;
  }

  pathOf(url: string): string | null {
    const prefix = `simulated:${this.name}/`;
    return url.startsWith(prefix) ? url.slice(prefix.length - 1) : null;
  }

  async stat(
    storagePath: string,
    options: { checksum?: boolean } = {},
  ): Promise<StoredFile | null> {
    return (await this.statAll([storagePath], options))[0] ?? null;
  }

  async statAll(
    paths: readonly string[],
    { checksum = false, signal }: BulkOptions & { checksum?: boolean } = {},
  ): Promise<(StoredFile | null)[]> {
    await this.#answer(paths, checkForeignPath, signal);
    return paths.map((one) => {
      const row = this.#row(one);
      if (row === undefined) return null;
      const { size } = row;
      return checksum
        ? { path: one, size, adler32: this.#told(one, row.adler32) }
        : { path: one, size };
    });
  }

  async put(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    const trouble = await this.#answer([storagePath]);
    const { content, ...found } = await this.#received(source, storagePath);
    if (found.size !== expected.size || found.adler32 !== expected.adler32) {
      throw this.#failure(
        'FABRICA_STORAGE_CHECKSUM',
        storagePath,
        `got ${found.size} bytes, adler32 ${found.adler32}, instead of ${expected.size} bytes, adler32 ${expected.adler32}`,
      );
    }
    await this.#write([{ ...expected, path: storagePath, content }], trouble);
  }

  async #received(
    source: Readable,
    storagePath: string,
  ): Promise<Expected & { content: Buffer | null }> {
    const checksum = new Adler32();
    const pieces: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of source as AsyncIterable<Buffer | string>) {
        const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
        checksum.update(bytes);
        size += bytes.length;
        if (size <= LARGEST_CONTENT) pieces.push(bytes);
      }
    } catch (error) {
      throw this.#failure(
        'FABRICA_STORAGE_UNREACHABLE',
        storagePath,
        `got only a part of it (${messageOf(error)})`,
      );
    }
    const content = size <= LARGEST_CONTENT ? Buffer.concat(pieces) : null;
    return { size, adler32: checksum.hex(), content };
  }

  async read(storagePath: string, from = 0): Promise<Readable> {
    await this.#answer([storagePath]);
    const content = this.#content(storagePath);
    if (content === undefined) {
      throw this.#failure('FABRICA_STORAGE_UNREACHABLE', storagePath, 'has no such file');
    }
    if (content === null) {
      throw this.#failure(
        'FABRICA_STORAGE_UNREACHABLE',
        storagePath,
        'knows only size and checksum of this file, for it is simulated',
      );
    }
    return Readable.from([content.subarray(from)]);
  }

  async copy(
    source: StorageElement,
    sourcePath: string,
    storagePath: string,
    expected: Expected,
  ): Promise<void> {
    if (!(source instanceof SimulatedStorage)) {
      return this.put(await source.read(sourcePath), storagePath, expected);
    }
    const trouble = await this.#answer([storagePath]);
    const found = await source.stat(sourcePath);
    const row = source.#row(sourcePath);
    if (found === null || row === undefined) {
      throw source.#failure('FABRICA_STORAGE_UNREACHABLE', sourcePath, 'has no such file');
    }
    if (row.size !== expected.size || row.adler32 !== expected.adler32) {
      throw this.#failure(
        'FABRICA_STORAGE_CHECKSUM',
        storagePath,
        `got ${row.size} bytes, adler32 ${row.adler32}, from ${source.name}, instead of ${expected.size} bytes, adler32 ${expected.adler32}`,
      );
    }
    const content = source.#content(sourcePath) ?? null;
    await this.#write([{ ...expected, path: storagePath, content }], trouble);
  }

  /** Makes files of simulated jobs; answers for each why it could not, or null. Fails as a whole if it takes none. */
  async makeAll(files: readonly MadeFile[]): Promise<(FabricaError | null)[]> {
    const trouble = await this.#answer(files.map((file) => file.path));
    this.#refuseWrites(files[0]?.path ?? '/', trouble);
    return this.#writes.run(() => this.#add(files, trouble));
  }

  /** Creates claims; false for those that another holder has. */
  async claimAll(claims: readonly Claim[]): Promise<boolean[]> {
    const trouble = await this.#answer(claims.map((claim) => claim.path));
    this.#refuseWrites(claims[0]?.path ?? '/', trouble);
    return this.#writes.run(() =>
      claims.map(({ path: claimed, holder }) => {
        const content = Buffer.from(holder);
        const { add } = this.#statements;
        const { changes } = add.run(claimed, content.length, adler32(content), content);
        return changes === 1 || (this.#content(claimed)?.equals(content) ?? false);
      }),
    );
  }

  /** The bytes of a file, null where only its size and checksum are kept; undefined if it is not there. */
  #content(storagePath: string): Buffer | null | undefined {
    return this.#statements.content.get(storagePath);
  }

  async remove(storagePath: string): Promise<'removed' | 'absent'> {
    return (await this.#remove([storagePath])) === 1 ? 'removed' : 'absent';
  }

  async removeAll(paths: readonly string[], { signal }: BulkOptions = {}): Promise<void> {
    await this.#remove(paths, signal);
  }

  /** Returns how many of them there were. */
  async #remove(paths: readonly string[], signal?: AbortSignal): Promise<number> {
    const trouble = await this.#answer(paths, checkForeignPath, signal);
    this.#refuseWrites(paths[0] ?? '/', trouble);
    return this.#writes.run(() => {
      let removed = 0;
      for (const one of paths) removed += this.#statements.remove.run(one).changes;
      return removed;
    });
  }

  async removeTree(directory: string): Promise<void> {
    checkStoragePath(this.name, directory);
    this.#refuseWrites(directory, await this.#answer([directory]));
    await this.#writes.run(() => this.#statements.removeTree.run(...below(directory)));
  }

  async *list(directory: string, begin = ''): AsyncIterable<StoredFile> {
    await this.#answer(directory === '/' ? [] : [directory]);
    const page = this.#database.prepare<[string, string], ListedRow>(
      'select path, size, adler32 from files where path > ? and path < ? order by path limit 1000',
    );
    const [start, end] = below(directory);
    let after = begin > start ? begin : start;
    for (;;) {
      const rows = page.all(after, end);
      for (const row of rows) yield { path: row.path, size: row.size };
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.path;
    }
  }

  async space(): Promise<Space> {
    const trouble = await this.#answer([]);
    return { total: this.#options.capacity, free: Math.max(0, this.#room(trouble)) };
  }

  async check(): Promise<void> {
    this.#refuseWrites('/', await this.#answer([]));
  }

  #row(storagePath: string): Expected | undefined {
    const found = this.#statements.row.get(storagePath);
    return found === undefined ? undefined : { size: found[0], adler32: found[1] };
  }

  async #write(
    files: readonly (MadeFile & { content?: Buffer | null })[],
    trouble: Trouble,
  ): Promise<void> {
    this.#refuseWrites(files[0]?.path ?? '/', trouble);
    const [failure] = await this.#writes.run(() => this.#add(files, trouble));
    if (failure) throw failure;
  }

  /** Within a transaction; answers for each why it is not there. */
  #add(
    files: readonly (MadeFile & { content?: Buffer | null })[],
    trouble: Trouble,
  ): (FabricaError | null)[] {
    const { add } = this.#statements;
    let room = this.#room(trouble);
    return files.map(({ path: made, size, adler32: checksum, content = null }) => {
      if (size <= room && add.run(made, size, checksum, content).changes === 1) {
        room -= size;
        return null;
      }
      const known = this.#row(made);
      if (known === undefined) return this.#failure('FABRICA_STORAGE_FULL', made, 'is full');
      return known.size === size && known.adler32 === checksum
        ? null
        : this.#failure('FABRICA_STORAGE_EXISTS', made, 'holds another file there');
    });
  }

  /** Bytes that still fit in; below 0 where the capacity was made smaller. */
  #room({ isFull }: Trouble): number {
    if (isFull === 1) return 0;
    const used = this.#statements.used.get() ?? 0;
    return this.#options.capacity - used;
  }

  /** The checksum, or for some files another one. */
  #told(storagePath: string, checksum: string): string {
    if (this.#options.lies === 0) return checksum;
    const digits = hash('sha256', `${this.name}${storagePath}`, 'hex');
    if (Number.parseInt(digits.slice(0, 8), 16) / 2 ** 32 >= this.#options.lies) return checksum;
    return checksum === 'deadbeef' ? 'feedbeef' : 'deadbeef';
  }

  /** Throws if it does not answer now; tells the trouble that it is in. */
  async #answer(
    paths: readonly string[],
    check = checkStoragePath,
    signal?: AbortSignal,
  ): Promise<Trouble> {
    for (const one of paths) check(this.name, one);
    const { outages, speed, clock } = this.#options;
    const trouble = this.#troubleNow();
    const slowness = this.#options.slowness + trouble.slowness;
    if (slowness > 0) await delay(slowness);
    signal?.throwIfAborted();
    if (trouble.isOut === 1 || isOut(outages, ((clock.now() - this.#begin) / 1000) * speed)) {
      throw this.#failure('FABRICA_STORAGE_UNREACHABLE', paths[0] ?? '/', 'does not answer');
    }
    return trouble;
  }

  #troubleNow(): Trouble {
    const now = performance.now();
    if (now - this.#troubleRead > TROUBLE_LASTS) {
      this.#trouble = this.#statements.trouble.get() ?? NO_TROUBLE;
      this.#troubleRead = now;
    }
    return this.#trouble;
  }

  #refuseWrites(storagePath: string, { readOnly }: Trouble): void {
    if (!this.#options.readOnly && readOnly === 0) return;
    throw this.#failure('FABRICA_STORAGE_READONLY', storagePath, 'refuses writes');
  }

  #failure(
    code: ConstructorParameters<typeof FabricaError>[0],
    storagePath: string,
    what: string,
  ): FabricaError {
    return new FabricaError(code, `Storage ${this.name} ${what}: ${storagePath}.`, {
      storage: this.name,
      path: storagePath,
    });
  }
}

const NO_TROUBLE: Trouble = { readOnly: 0, isFull: 0, isOut: 0, slowness: 0 };

function statementsOf(database: Database.Database) {
  return {
    row: database
      .prepare<[string], [number, string]>('select size, adler32 from files where path = ?')
      .raw(),
    content: database
      .prepare<[string], Buffer | null>('select content from files where path = ?')
      .pluck(),
    used: database.prepare<[], number>('select used from room').pluck(),
    trouble: database.prepare<[], Trouble>('select readOnly, isFull, isOut, slowness from trouble'),
    add: database.prepare('insert into files values (?, ?, ?, ?) on conflict do nothing'),
    remove: database.prepare('delete from files where path = ?'),
    removeTree: database.prepare('delete from files where path > ? and path < ?'),
  };
}

/** Trouble is looked for so often, ms. */
export const TROUBLE_LASTS = 20;

/** What paths below a directory are between: `0` comes right after `/`. */
function below(directory: string): [string, string] {
  const base = directory === '/' ? '' : directory;
  return [`${base}/`, `${base}0`];
}
