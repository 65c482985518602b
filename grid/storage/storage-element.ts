import type { Readable } from 'node:stream';
import type { JobAccess, JobPlace } from './job-access.js';

/** A file as a storage knows it. `path` begins with `/` and is relative to the storage's root; size in bytes. */
export interface StoredFile {
  readonly path: string;
  readonly size: number;
  /** Present where it was asked for. */
  readonly adler32?: string;
  /** When it was written, ms since 1970: in lists, where the storage tells it. */
  readonly modifiedAt?: number;
}

export interface Space {
  /** Bytes. */
  readonly total: number;
  readonly free: number;
}

/** The size and checksum that a file must have. */
export interface Expected {
  readonly size: number;
  readonly adler32: string;
}

/** Of work on many files. When the signal aborts, the work stops where it is and fails with its reason. */
export interface BulkOptions {
  readonly signal?: AbortSignal;
}

/**
 * One storage. Paths begin with `/` and never leave the root (`FABRICA_STORAGE_PATH`). Nothing is ever overwritten, and no file
 * is seen under its name before it is whole. Every method throws `FABRICA_STORAGE_UNREACHABLE` if the storage does not answer,
 * `FABRICA_STORAGE_FULL` and `FABRICA_STORAGE_READONLY` where they apply.
 */
export interface StorageElement {
  readonly name: string;
  readonly kind: string;

  /** How a job wrapper reaches the path: `file:/absolute/path`, `root://...`. */
  url(path: string): string;

  /** The path of a url that `url` gave; null if it is not of this storage. */
  pathOf(url: string): string | null;

  /**
   * What jobs need besides the addresses to act at these places, from now on and for at least so many seconds, as far as the server permits. Left out where they
   * need nothing. Throws `FABRICA_STORAGE_CREDENTIAL`.
   */
  jobAccess?(places: readonly JobPlace[], seconds: number): Promise<JobAccess[]>;

  /** The file, or null if there is none. With `checksum`, its adler32 as the storage computes it from what it holds. */
  stat(path: string, options?: { checksum?: boolean }): Promise<StoredFile | null>;

  /** As `stat`, for many: an answer per path, in the same order. Fails as a whole if it fails for one. */
  statAll(
    paths: readonly string[],
    options?: BulkOptions & { checksum?: boolean },
  ): Promise<(StoredFile | null)[]>;

  /**
   * Writes a file. Afterwards it is durable under `path` with the expected size and checksum. If a file is there already: nothing
   * happens when it is the expected one, else `FABRICA_STORAGE_EXISTS`. If what arrived differs from what is expected, nothing is
   * left and `FABRICA_STORAGE_CHECKSUM` is thrown.
   */
  put(source: Readable, path: string, expected: Expected): Promise<void>;

  /** The content of a file, from a byte on (default 0); the stream fails with `FABRICA_STORAGE_UNREACHABLE` if it does not exist. */
  read(path: string, from?: number): Promise<Readable>;

  /** Copies a file from another storage, with the promises of `put`. */
  copy(source: StorageElement, sourcePath: string, path: string, expected: Expected): Promise<void>;

  /** Afterwards the file is not there. Removing what is not there is no error. Empty parent directories go as well, where that is safe. */
  remove(path: string): Promise<'removed' | 'absent'>;

  /** As `remove`, for many. Fails as a whole if it fails for one; others may be gone then. */
  removeAll(paths: readonly string[], options?: BulkOptions): Promise<void>;

  /** Afterwards nothing is below the directory, nor the directory itself. */
  removeTree(directory: string): Promise<void>;

  /**
   * Every file below a directory in the order of their paths, those after the path `after` only; nothing if the directory is not there.
   * Includes temporary files of unfinished writes. Memory does not grow with the number of files, and what lies before `after` is not read.
   */
  list(directory: string, after?: string): AsyncIterable<StoredFile>;

  space(): Promise<Space>;

  /** Throws unless the storage can be reached and written now. */
  check(): Promise<void>;
}

/** The storages that this process is configured for, by name. */
export interface StorageElements {
  /** Throws `FABRICA_STORAGE_UNKNOWN`. */
  get(name: string): StorageElement;
  has(name: string): boolean;
  names(): string[];
}
