import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, promises as fs } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import pMap from 'p-map';
import { Adler32 } from '../../domain/adler32.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import { walkInOrder, type FolderEntry } from './ordered-walk.js';
import type {
  BulkOptions,
  Expected,
  Space,
  StorageElement,
  StoredFile,
} from './storage-element.js';
import { arrivedOtherwise, holdsAnother, holdsNothing } from './storage-failures.js';
import { checkForeignPath, checkStoragePath, isWithin } from './storage-path.js';
import { writeMeasured } from './write-measured.js';
import { clause } from '../../domain/clause.js';

/** What an unfinished write is called until it is whole: this, a unique part, `-`, and the name. */
export const PART_PREFIX = '.part-';

/** Tells the name that it is to get, as `shownInPart` shows it. */
const PART = /^\.part-[0-9a-f]{12}-(.*)$/;
const PROBE = /^\.part-[0-9a-f]{12}-check$/;
/** Nobody still works with an older probe, ms. */
const PROBE_LIFE = 60_000;

/** Files that are worked on at once: the answers of a disk take longer than the work. */
const AT_ONCE = 16;

/** Bytes read at once. */
const CHUNK = 1024 * 1024;

/** Creates the root of a directory storage, for the embedded default. Any other root must be there: else its disk is not mounted. */
export async function prepareDirectoryStorage(root: string): Promise<void> {
  try {
    await fs.mkdir(root, { recursive: true });
  } catch (error) {
    throw storageError(root, root, error);
  }
}

/**
 * A storage that is a directory: of this machine, or of a file system that several machines mount. Its root is never created
 * here, so that a disk that is not mounted is `FABRICA_STORAGE_UNREACHABLE` and not filled up under its mount point.
 * Symbolic links below the root may point within it; one that leads out of it is `FABRICA_STORAGE_PATH`.
 */
export class DirectoryStorage implements StorageElement {
  readonly kind = 'directory';
  readonly name: string;
  readonly #root: string;
  readonly #names: number;

  /** @param options `namesAtOnce`: so many names of one directory are held at once, about (default 10,000) */
  constructor(options: { name: string; root: string; namesAtOnce?: number }) {
    this.name = options.name;
    this.#names = options.namesAtOnce ?? 10_000;
    this.#root = path.resolve(options.root);
  }

  /** `file:<root>/<path>`: the `//` that stands between them tells a wrapper which part must be there already. */
  url(storagePath: string): string {
    checkStoragePath(this.name, storagePath);
    return `file:${this.#root}/${storagePath}`;
  }

  pathOf(url: string): string | null {
    const root = `file:${this.#root}/`;
    return url.startsWith(`${root}/`) ? url.slice(root.length) : null;
  }

  async stat(
    storagePath: string,
    options: { checksum?: boolean } = {},
  ): Promise<StoredFile | null> {
    checkForeignPath(this.name, storagePath);
    return this.#translated(storagePath, async () => {
      const file = await this.#locate(storagePath);
      const stats = file === null ? null : await statOrNull(file);
      if (file === null || !stats?.isFile()) return null;
      if (options.checksum !== true) return { path: storagePath, size: stats.size };
      return { path: storagePath, ...(await measure(file)) };
    });
  }

  statAll(
    paths: readonly string[],
    { checksum = false, signal }: BulkOptions & { checksum?: boolean } = {},
  ): Promise<(StoredFile | null)[]> {
    return pMap(paths, (one) => this.stat(one, { checksum }), { concurrency: AT_ONCE, signal });
  }

  async put(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    try {
      checkStoragePath(this.name, storagePath);
      await this.#translated(storagePath, () => this.#write(source, storagePath, expected));
    } finally {
      source.destroy();
    }
  }

  async read(storagePath: string, from = 0): Promise<Readable> {
    checkStoragePath(this.name, storagePath);
    return this.#translated(storagePath, async () => {
      const file = await this.#locate(storagePath);
      if (file === null) throw holdsNothing(this.name, storagePath);
      const handle = await fs.open(file, constants.O_RDONLY | constants.O_NONBLOCK);
      if (!(await handle.stat()).isFile()) {
        await handle.close();
        throw holdsNothing(this.name, storagePath);
      }
      return handle.createReadStream({ start: from, highWaterMark: CHUNK });
    });
  }

  async copy(
    source: StorageElement,
    sourcePath: string,
    storagePath: string,
    expected: Expected,
  ): Promise<void> {
    checkStoragePath(this.name, storagePath);
    await this.put(await source.read(sourcePath), storagePath, expected);
  }

  /** With the file goes what writers that were killed have left of it. */
  async remove(storagePath: string): Promise<'removed' | 'absent'> {
    checkForeignPath(this.name, storagePath);
    await this.#removePartsOf([storagePath]);
    return this.#unlink(storagePath);
  }

  async removeAll(paths: readonly string[], { signal }: BulkOptions = {}): Promise<void> {
    for (const one of paths) checkForeignPath(this.name, one);
    signal?.throwIfAborted();
    await this.#removePartsOf(paths);
    await pMap(paths, (one) => this.#unlink(one), { concurrency: AT_ONCE, signal });
  }

  async #unlink(storagePath: string): Promise<'removed' | 'absent'> {
    return this.#translated(storagePath, async () => {
      const file = await this.#locate(storagePath);
      if (file === null) return 'absent';
      try {
        await fs.unlink(file);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
        return 'absent';
      }
      await this.#removeEmpty(path.dirname(storagePath));
      return 'removed';
    });
  }

  async removeTree(directory: string): Promise<void> {
    checkStoragePath(this.name, directory);
    await this.#translated(directory, async () => {
      const folder = await this.#locate(directory);
      if (folder !== null) await fs.rm(folder, { recursive: true, force: true });
      await this.#removeEmpty(path.dirname(directory));
    });
  }

  /** Links are not followed. */
  async *list(directory: string, after = ''): AsyncGenerator<StoredFile> {
    if (directory !== '/') checkStoragePath(this.name, directory);
    const top = await this.#translated(directory, () => this.#locate(directory));
    if (top === null) return;
    const files = walkInOrder({
      ...{ top: directory === '/' ? '' : directory, after, namesAtOnce: this.#names },
      entries: (folder) => this.#entries(folder),
    });
    for await (const { path: file } of files) {
      const stats = await this.#translated(file, () => statOrNull(this.#root + file, true));
      if (stats?.isFile() !== true) continue;
      yield { path: file, size: stats.size, modifiedAt: Math.floor(stats.mtimeMs) };
    }
  }

  async space(): Promise<Space> {
    return this.#translated('/', async () => {
      const { blocks, bavail, bsize } = await fs.statfs(this.#root);
      return { total: blocks * bsize, free: bavail * bsize };
    });
  }

  async check(): Promise<void> {
    await this.#translated('/', async () => {
      await this.#requireRoot();
      const probe = path.join(this.#root, `${PART_PREFIX}${unique()}-check`);
      const handle = await fs.open(probe, 'wx');
      try {
        // Its name goes first: who is killed while the disk is slow leaves nothing.
        await fs.unlink(probe);
        await handle.writeFile('x');
        await this.#removeOldProbes((await handle.stat()).mtimeMs);
      } finally {
        await handle.close();
      }
    });
  }

  /** Probes of processes that were killed all the same. `now` is the file system's time, ms. */
  async #removeOldProbes(now: number): Promise<void> {
    for (const name of await fs.readdir(this.#root)) {
      if (!PROBE.test(name)) continue;
      const file = path.join(this.#root, name);
      const stats = await statOrNull(file, true);
      if (stats !== null && now - stats.mtimeMs > PROBE_LIFE) await fs.rm(file, { force: true });
    }
  }

  async #write(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    await this.#requireRoot();
    const name = path.posix.basename(storagePath);
    const { directory, part, handle } = await this.#openPart(storagePath);
    const file = path.join(directory, name);
    try {
      if ((await statOrNull(file, true)) !== null) {
        await handle.close();
        await this.#requireSame(file, storagePath, expected);
        await this.#removePartsOf([storagePath]);
        return;
      }
      const written = await writeDurably(source, handle);
      if (written.size !== expected.size || written.adler32 !== expected.adler32) {
        throw arrivedOtherwise(this.name, storagePath, { expected, found: written });
      }
      try {
        await fs.link(part, file);
      } catch (error) {
        // Who has written the same meanwhile has removed what was in its way.
        const isThere = codeOf(error) === 'ENOENT' && (await statOrNull(file, true)) !== null;
        if (codeOf(error) !== 'EEXIST' && !isThere) throw error;
        await this.#requireSame(file, storagePath, expected);
      }
      await this.#removePartsOf([storagePath]);
    } finally {
      await fs.rm(part, { force: true });
    }
    await syncDirectory(directory);
  }

  /** Removes unfinished writes of files that are whole or unwanted: their writers were killed, or see that they come too late. */
  async #removePartsOf(paths: readonly string[]): Promise<void> {
    const folders = new Map<string, Set<string>>();
    for (const one of paths) {
      const folder = path.posix.dirname(one);
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(shownInPart(path.posix.basename(one))));
    }
    for (const [folder, names] of folders) {
      await this.#translated(folder, async () => {
        const located = await this.#locate(folder);
        const entries = located === null ? null : await absentAsNull(fs.readdir(located));
        for (const entry of entries ?? []) {
          const whole = PART.exec(entry)?.[1];
          if (whole === undefined || !names.has(whole)) continue;
          await fs.rm(path.join(located ?? '', entry), { force: true });
        }
      });
    }
  }

  /** Opens the temporary file of a write. Another job's `remove` may take the directory away while it is still empty. */
  async #openPart(
    storagePath: string,
  ): Promise<{ directory: string; part: string; handle: fs.FileHandle }> {
    const shown = shownInPart(path.posix.basename(storagePath));
    for (let tries = 1; ; tries++) {
      const directory = await this.#makeDirectory(path.posix.dirname(storagePath));
      const part = path.join(directory, `${PART_PREFIX}${unique()}-${shown}`);
      try {
        return { directory, part, handle: await fs.open(part, 'wx', 0o644) };
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || tries === 5) throw error;
      }
    }
  }

  /** What is there already must be what is expected. */
  async #requireSame(file: string, storagePath: string, expected: Expected): Promise<void> {
    const stats = await statOrNull(file);
    if (stats?.isFile() === true && stats.size === expected.size) {
      const found = await measure(file);
      if (found.adler32 === expected.adler32) return;
    }
    throw holdsAnother(this.name, storagePath, expected);
  }

  async #requireRoot(): Promise<string> {
    const stats = await statOrNull(this.#root);
    if (stats?.isDirectory() === true) return fs.realpath(this.#root);
    throw new FabricaError(
      'FABRICA_STORAGE_UNREACHABLE',
      `The root ${this.#root} of storage ${this.name} is not there, or is no directory.`,
      { storage: this.name, path: this.#root },
    );
  }

  /** The absolute path, its directory free of symbolic links; null if that directory is not there. */
  async #locate(storagePath: string): Promise<string | null> {
    const root = await this.#requireRoot();
    if (storagePath === '/') return root;
    const wanted = root + storagePath;
    const directory = await realpathOrNull(path.dirname(wanted));
    if (directory === null) return null;
    const file = path.join(directory, path.basename(wanted));
    const target = await realpathOrNull(file);
    if (!isWithin(root, directory) || (target !== null && !isWithin(root, target))) {
      throw this.#escape(storagePath);
    }
    return file;
  }

  /** Creates a directory below the root, its parents too, and answers its real path. */
  async #makeDirectory(storagePath: string): Promise<string> {
    const root = await this.#requireRoot();
    const wanted = root + (storagePath === '/' ? '' : storagePath);
    let existing = wanted;
    while ((await statOrNull(existing, true)) === null) existing = path.dirname(existing);
    if (!isWithin(root, existing)) return this.#makeDirectory(storagePath); // the root has gone
    // NOTE: before anything is made, or a link that leads out would have directories made outside.
    if (!isWithin(root, (await realpathOrNull(existing)) ?? '/')) throw this.#escape(storagePath);
    if (existing !== wanted) await this.#makeBelow(root, wanted);
    const real = await fs.realpath(wanted);
    if (!isWithin(root, real)) throw this.#escape(storagePath);
    return real;
  }

  /** One by one, unlike a recursive mkdir, so that a root that vanishes meanwhile is not made again. */
  async #makeBelow(root: string, wanted: string): Promise<void> {
    let directory = root;
    for (const segment of path.relative(root, wanted).split(path.sep)) {
      const parent = directory;
      directory = path.join(directory, segment);
      try {
        await fs.mkdir(directory);
        await syncDirectory(parent);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    }
  }

  #escape(storagePath: string): FabricaError {
    return new FabricaError(
      'FABRICA_STORAGE_PATH',
      `The path ${storagePath} leaves the root of storage ${this.name} by a symbolic link.`,
      { storage: this.name, path: storagePath },
    );
  }

  /** Removes this directory and its parents below the root, as long as they are empty. */
  async #removeEmpty(storagePath: string): Promise<void> {
    for (let folder = storagePath; folder !== '/'; folder = path.posix.dirname(folder)) {
      try {
        await fs.rmdir(this.#root + folder);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') return;
      }
    }
  }

  async *#entries(folder: string): AsyncGenerator<FolderEntry> {
    try {
      for await (const entry of await fs.opendir(this.#root + folder, { bufferSize: 256 })) {
        if (entry.isDirectory() || entry.isFile()) {
          yield { name: entry.name, folder: entry.isDirectory() };
        }
      }
    } catch (error) {
      // Removed meanwhile, or never there.
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') {
        throw storageError(this.name, folder, error);
      }
    }
  }

  async #translated<T>(storagePath: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw error instanceof FabricaError ? error : storageError(this.name, storagePath, error);
    }
  }
}

/** An error of the file system as one of Fabrica's. */
function storageError(storage: string, storagePath: string, error: unknown): FabricaError {
  const place = { storage, path: storagePath };
  const options = { cause: error };
  const said = `${storagePath}: ${clause(messageOf(error))}.`;
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FabricaError(
        'FABRICA_STORAGE_FULL',
        `Storage ${storage} is full: ${said}`,
        place,
        options,
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new FabricaError(
        'FABRICA_STORAGE_READONLY',
        `Storage ${storage} refuses: ${said}`,
        place,
        options,
      );
    default:
      return new FabricaError(
        'FABRICA_STORAGE_UNREACHABLE',
        `Storage ${storage} fails: ${said}`,
        place,
        options,
      );
  }
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The name of a file within that of its temporary one, cut to what still fits. */
const shownInPart = (name: string): string =>
  Buffer.from(name)
    .subarray(0, 220)
    .toString('latin1')
    .replace(/[^!-~]/g, '_');

const unique = (): string => randomBytes(6).toString('hex');

async function absentAsNull<T>(act: Promise<T>): Promise<T | null> {
  try {
    return await act;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

function statOrNull(file: string, link = false): Promise<Stats | null> {
  return absentAsNull(link ? fs.lstat(file) : fs.stat(file));
}

function realpathOrNull(file: string): Promise<string | null> {
  return absentAsNull(fs.realpath(file));
}

/** Size and checksum of a file, read in chunks. */
async function measure(file: string): Promise<Expected> {
  const handle = await fs.open(file, 'r');
  try {
    const checksum = new Adler32();
    // NOTE: no larger than needed: buffers beside the heap, dropped by thousands, have it collected all the time.
    const stats = await handle.stat();
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, stats.size + 1));
    let size = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return { size, adler32: checksum.hex() };
      checksum.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** Writes a new file, closes it, and answers what was written once it is on the disk. */
async function writeDurably(source: Readable, handle: fs.FileHandle): Promise<Expected> {
  try {
    const written = await writeMeasured(source, handle);
    await handle.sync();
    return written;
  } finally {
    await handle.close();
  }
}

/** Makes what was created or removed in a directory survive a power cut. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
