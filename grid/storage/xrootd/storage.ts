import path from 'node:path';
import type { Readable } from 'node:stream';
import { XROOTD_URL } from '../../../domain/storage-url.js';
import { FabricaError } from '../../../domain/errors.js';
import { copyLimit } from '../copy-limit.js';
import { walkInOrder } from '../ordered-walk.js';
import { spooled } from '../spool.js';
import type {
  BulkOptions,
  Expected,
  Space,
  StorageElement,
  StoredFile,
} from '../storage-element.js';
import { arrivedOtherwise, holdsAnother, holdsNothing } from '../storage-failures.js';
import { checkForeignPath, checkStoragePath } from '../storage-path.js';
import { adler32Of, entriesOf, spaceOf, statusOf, type ListedEntry } from './answers.js';
import {
  failureOf,
  isPlainArgument,
  saysAbsent,
  saysThere,
  XRootDClient,
  XRD_EXIT,
} from './client.js';

export interface XRootDStorageOptions {
  readonly name: string;
  /** `root://host:port//directory`: where on which server its files are. */
  readonly url: string;
}

/** Paths of one session of `xrdfs`. */
const AT_ONCE = 500;

/**
 * A storage of XRootD, by the commands that come with it. A file is opened as a new one and kept only when it is closed
 * (`--posc`): of several writers one succeeds, and until it has ended nobody sees a file here. The server computes the checksum of what
 * it holds.
 */
export class XRootDStorage implements StorageElement {
  readonly kind = 'xrootd';
  readonly name: string;
  /** `root://host:port/`; a path of the server follows. */
  readonly #origin: string;
  /** Path of the root on the server. */
  readonly #root: string;
  readonly #client: XRootDClient;

  constructor({ name, url }: XRootDStorageOptions) {
    const parts = XROOTD_URL.exec(url)?.groups;
    if (parts === undefined) {
      throw new FabricaError(
        'FABRICA_CONFIGURATION_INVALID',
        `${JSON.stringify(url)} of storage ${name} is no address such as root://host:1094//directory.`,
        { storage: name },
      );
    }
    this.name = name;
    this.#root = parts['root'] ?? '';
    const server = `${parts['scheme']}://${parts['server']}`;
    this.#origin = `${server}/`;
    this.#client = new XRootDClient({ storage: name, server });
  }

  url(storagePath: string): string {
    checkStoragePath(this.name, storagePath);
    return this.#urlOf(storagePath);
  }

  pathOf(url: string): string | null {
    const root = `${this.#origin}${this.#root}/`;
    return url.startsWith(root) ? url.slice(root.length - 1) : null;
  }

  async stat(
    storagePath: string,
    options: { checksum?: boolean } = {},
  ): Promise<StoredFile | null> {
    const [found = null] = await this.statAll([storagePath], options);
    return found;
  }

  async statAll(
    paths: readonly string[],
    { checksum = false, signal }: BulkOptions & { checksum?: boolean } = {},
  ): Promise<(StoredFile | null)[]> {
    for (const one of paths) checkForeignPath(this.name, one);
    signal?.throwIfAborted();
    const found = await this.#each('stat', paths, signal);
    const files = found.map((text, i) => {
      const status = statusOf(text);
      if (status === null && !saysAbsent(text)) throw this.#failure(paths[i] ?? '/', text);
      if (status === null || status.folder || status.pending) return null;
      return { path: paths[i] ?? '', size: status.size };
    });
    if (!checksum) return files;
    const there = files.filter((file) => file !== null);
    const sums = await this.#each(
      ['query', 'checksum'],
      there.map((file) => file.path),
      signal,
    );
    const known = new Map<string, StoredFile | null>();
    for (const [i, file] of there.entries()) {
      const text = sums[i] ?? '';
      const adler32 = adler32Of(text);
      if (adler32 === null && !saysAbsent(text)) throw this.#failure(file.path, text);
      known.set(file.path, adler32 === null ? null : { ...file, adler32 });
    }
    return files.map((file) => (file === null ? null : (known.get(file.path) ?? null)));
  }

  async put(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    try {
      checkStoragePath(this.name, storagePath);
      await spooled(source, { storage: this.name, path: storagePath, expected }, async (file) => {
        await this.#deliver(['--rm-bad-cksum', file], storagePath, expected);
      });
    } finally {
      source.destroy();
    }
  }

  async read(storagePath: string, from = 0): Promise<Readable> {
    checkStoragePath(this.name, storagePath);
    if ((await this.stat(storagePath)) === null) throw holdsNothing(this.name, storagePath);
    return this.#client.content(this.#urlOf(storagePath), from);
  }

  /** From another storage of XRootD the two servers copy between themselves; if they can not, it goes through here. */
  async copy(
    source: StorageElement,
    sourcePath: string,
    storagePath: string,
    expected: Expected,
  ): Promise<void> {
    checkStoragePath(this.name, storagePath);
    if (source.kind === this.kind) {
      const found = await source.stat(sourcePath);
      if (found === null) throw holdsNothing(source.name, sourcePath);
      const args = ['--tpc', 'only', source.url(sourcePath)];
      try {
        await this.#deliver(args, storagePath, expected);
        return;
      } catch (error) {
        if (!(error instanceof FabricaError) || !TPC_REFUSED.test(error.message)) throw error;
      }
    }
    await this.put(await source.read(sourcePath), storagePath, expected);
  }

  async remove(storagePath: string): Promise<'removed' | 'absent'> {
    checkForeignPath(this.name, storagePath);
    const { code, text } = await this.#client.fs('rm', this.#root + storagePath);
    if (code !== 0) {
      if (saysAbsent(text)) return 'absent';
      throw this.#failure(storagePath, text, code);
    }
    await this.#removeEmpty([storagePath]);
    return 'removed';
  }

  async removeAll(paths: readonly string[], { signal }: BulkOptions = {}): Promise<void> {
    for (const one of paths) checkForeignPath(this.name, one);
    signal?.throwIfAborted();
    const said = await this.#each('rm', paths, signal);
    for (const [i, text] of said.entries()) {
      if (!text.includes('[SUCCESS]') && !saysAbsent(text)) {
        throw this.#failure(paths[i] ?? '/', text);
      }
    }
    await this.#removeEmpty(paths);
  }

  async removeTree(directory: string): Promise<void> {
    checkStoragePath(this.name, directory);
    let some: string[] = [];
    for await (const { path: file } of this.#files(directory, '')) {
      some.push(file);
      if (some.length === AT_ONCE) {
        await this.removeAll(some);
        some = [];
      }
    }
    await this.removeAll(some);
    await this.#removeFolders(directory);
    await this.#removeEmpty([directory]);
  }

  async *list(directory: string, after = ''): AsyncGenerator<StoredFile> {
    if (directory !== '/') checkStoragePath(this.name, directory);
    yield* this.#files(directory, after);
  }

  async space(): Promise<Space> {
    const { code, text } = await this.#client.fs('query', 'space', this.#root || '/');
    const space = spaceOf(text);
    if (code !== 0 || space === null) throw this.#failure('/', text, code);
    return space;
  }

  /** A small file is written and removed. The root must be there: a server makes directories as they are named. */
  async check(): Promise<void> {
    const root = await this.#client.fs('stat', this.#root || '/');
    if (statusOf(root.text)?.folder !== true) throw this.#failure('/', root.text, root.code);
    const probe = `/.part-${process.pid.toString(36)}${Date.now().toString(36)}-check`;
    const made = await this.#client.fs('mkdir', this.#root + probe);
    if (made.code !== 0) throw this.#failure('/', made.text, made.code);
    await this.#client.fs('rmdir', this.#root + probe);
  }

  /** Has a copy made here under its name, as a new file; what is there already must be what is expected. */
  async #deliver(args: readonly string[], storagePath: string, expected: Expected): Promise<void> {
    const said = await this.#client.copy(
      ['--posc', '--cksum', `adler32:${expected.adler32}`, ...args, this.#urlOf(storagePath)],
      1000 * copyLimit(expected.size),
    );
    if (said.code === 0) return;
    if (said.code === XRD_EXIT.invalid && saysThere(said.text)) {
      await this.#requireSame(storagePath, expected);
      return;
    }
    if (said.code !== XRD_EXIT.checksum) throw this.#failure(storagePath, said.text, said.code);
    // It was made here, by nobody else: a server may leave what it could not take whole.
    const found = await this.stat(storagePath, { checksum: true });
    await this.remove(storagePath);
    throw arrivedOtherwise(this.name, storagePath, {
      expected,
      found: { size: found?.size ?? 0, adler32: found?.adler32 ?? 'unknown' },
    });
  }

  async #requireSame(storagePath: string, expected: Expected): Promise<void> {
    const found = await this.stat(storagePath, { checksum: true });
    if (found?.size === expected.size && found.adler32 === expected.adler32) return;
    if (found !== null) throw holdsAnother(this.name, storagePath, expected);
    throw this.#failure(storagePath, 'somebody else is just writing it, or has broken off');
  }

  async *#files(directory: string, after: string): AsyncGenerator<StoredFile> {
    const files = walkInOrder({
      ...{ top: directory === '/' ? '' : directory, after },
      entries: (folder) => this.#entries(folder),
    });
    for await (const { entry, path: file } of files) {
      yield { path: file, size: entry.size, modifiedAt: entry.modifiedAt };
    }
  }

  async *#entries(folder: string): AsyncGenerator<ListedEntry> {
    const { code, text } = await this.#client.fs('ls', '-l', this.#root + folder || '/');
    if (code !== 0 && !saysAbsent(text)) throw this.#failure(folder, text, code);
    yield* entriesOf(text, this.#root + folder);
  }

  /** Removes the folders below a folder, and itself: they hold no files any more. */
  async #removeFolders(folder: string): Promise<void> {
    for await (const { folder: isFolder, name } of this.#entries(folder)) {
      if (isFolder) await this.#removeFolders(`${folder}/${name}`);
    }
    const { code, text } = await this.#client.fs('rmdir', this.#root + folder);
    if (code !== 0 && !saysAbsent(text)) throw this.#failure(folder, text, code);
  }

  /** Removes the directories of paths and their parents below the root, as long as they are empty. */
  async #removeEmpty(paths: readonly string[]): Promise<void> {
    let folders = new Set(paths.map((one) => path.posix.dirname(one)));
    while (folders.delete('/') || folders.size > 0) {
      const those = [...folders];
      const said = await this.#each('rmdir', those);
      folders = new Set(
        those.flatMap((one, i) => ((said[i] ?? '').trim() === '' ? [path.posix.dirname(one)] : [])),
      );
    }
  }

  /** One command for each of the paths: what was said to it, in their order. */
  async #each(
    command: string | readonly string[],
    paths: readonly string[],
    signal?: AbortSignal,
  ): Promise<string[]> {
    const words = typeof command === 'string' ? [command] : command;
    const said: string[] = [];
    for (let first = 0; first < paths.length; first += AT_ONCE) {
      const some = paths.slice(first, first + AT_ONCE).map((one) => this.#root + one);
      if (some.length > 1 && some.every(isPlainArgument)) {
        const commands = some.map((one) => [...words, one]);
        said.push(...(await this.#client.session(commands, signal)));
        continue;
      }
      for (const one of some) {
        signal?.throwIfAborted();
        said.push((await this.#client.fs(...words, one)).text);
      }
    }
    return said;
  }

  #urlOf(storagePath: string): string {
    return `${this.#origin}${this.#root}${storagePath}`;
  }

  #failure(storagePath: string, text: string, code = 0): FabricaError {
    return failureOf(this.name, storagePath, { code, text });
  }
}

/** Servers that do not copy between themselves. */
const TPC_REFUSED = /tpc not supported|third party copy|\[3013\]/i;
