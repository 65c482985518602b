import path from 'node:path';
import { Readable } from 'node:stream';
import pMap from 'p-map';
import { Adler32 } from '../../../domain/adler32.js';
import { HTTP_URL } from '../../../domain/storage-url.js';
import { FabricaError } from '../../../domain/errors.js';
import { copyLimit } from '../copy-limit.js';
import { walkInOrder } from '../ordered-walk.js';
import { skipping } from '../skipping.js';
import { spooled } from '../spool.js';
import type { JobAccess } from '../job-access.js';
import type {
  BulkOptions,
  Expected,
  Space,
  StorageElement,
  StoredFile,
} from '../storage-element.js';
import { arrivedOtherwise, holdsAnother, holdsNothing } from '../storage-failures.js';
import { checkForeignPath, checkStoragePath } from '../storage-path.js';
import { adler32Of, copyFailureOf, quotaOf, resourcesOf, type Resource } from './answers.js';
import { WebDavClient, type WebDavCredential } from './client.js';

export interface WebDavStorageOptions {
  readonly name: string;
  /** `https://host:port/directory`: where on which server its files are. */
  readonly url: string;
  /** File with the certificates that sign that of the server. (Default: those that Node.js knows) */
  readonly ca?: string | undefined;
  /** Bytes that it holds, where the server does not tell. */
  readonly capacity: number;
  /** Default: whoever asks is served. */
  readonly credential?: WebDavCredential | undefined;
}

/** Requests at once. */
const AT_ONCE = 16;
/** Statuses of servers that copy nothing for others. */
const NO_COPIES: readonly number[] = [405, 501];

/** Properties that are asked for. */
const PROPERTIES =
  '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>';
const QUOTA =
  '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>';

/**
 * A storage that speaks WebDAV, with checksums by `Want-Digest` (RFC 3230) and third-party copies as grid storages make them. Files are
 * written under the name `.part-NAME`, compared with what was sent, and then moved. Servers overwrite what is there, whatever they
 * are asked: one process at a time writes a file, and looks before.
 */
export class WebDavStorage implements StorageElement {
  readonly kind = 'webdav';
  readonly name: string;
  /** Path of the root on the server, without a slash at its end. */
  readonly #root: string;
  readonly #capacity: number;
  readonly #client: WebDavClient;
  readonly #credential: WebDavCredential | undefined;
  /** Writes of a file that this process has begun, the last of each. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor({ ca, capacity, credential, name, url }: WebDavStorageOptions) {
    const parts = HTTP_URL.exec(url)?.groups;
    if (parts === undefined) {
      throw new FabricaError(
        'FABRICA_CONFIGURATION_INVALID',
        `${JSON.stringify(url)} of storage ${name} is no address such as https://host:port/directory.`,
        { storage: name },
      );
    }
    this.name = name;
    this.#root = parts['root'] ?? '';
    this.#capacity = capacity;
    this.#credential = credential;
    this.#client = new WebDavClient({
      ...{ storage: name, origin: parts['origin'] ?? '', ca, credential },
    });
  }

  url(storagePath: string): string {
    checkStoragePath(this.name, storagePath);
    return this.#client.url(this.#root + storagePath);
  }

  pathOf(url: string): string | null {
    const root = this.#client.url(this.#root);
    if (!url.startsWith(`${root}/`)) return null;
    try {
      return decodeURIComponent(url.slice(root.length));
    } catch {
      return null;
    }
  }

  /** The credential itself: jobs do whatever it permits, as long as it does. */
  async jobAccess(): Promise<JobAccess[]> {
    const url = `${this.#client.url(this.#root)}/`;
    switch (this.#credential?.kind) {
      case undefined:
        return [];
      case 'token': {
        const header = `Authorization: ${(await this.#client.authorization()) ?? ''}`;
        return [{ url, curl: [['header', header]] }];
      }
      case 'x509': {
        const { certificate, key } = await this.#credential.read();
        const [cert, secret] = ['certificate', 'key'].map((one) => `wrapper.${this.name}.${one}`);
        if (cert === undefined || secret === undefined) return [];
        return [
          {
            url,
            curl: [
              ['cert', cert],
              ['key', secret],
            ],
            files: { [cert]: certificate, [secret]: key },
          },
        ];
      }
    }
  }

  async stat(
    storagePath: string,
    { checksum = false }: { checksum?: boolean } = {},
  ): Promise<StoredFile | null> {
    checkForeignPath(this.name, storagePath);
    const found = await this.#find(storagePath);
    if (found === null || found.folder) return null;
    const file = { path: storagePath, size: found.size };
    return checksum ? { ...file, adler32: await this.#checksum(storagePath) } : file;
  }

  async statAll(
    paths: readonly string[],
    { checksum = false, signal }: BulkOptions & { checksum?: boolean } = {},
  ): Promise<(StoredFile | null)[]> {
    for (const one of paths) checkForeignPath(this.name, one);
    return pMap(paths, (one) => this.stat(one, { checksum }), { concurrency: AT_ONCE, signal });
  }

  async put(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    try {
      checkStoragePath(this.name, storagePath);
      const place = { storage: this.name, path: storagePath, expected };
      await spooled(source, place, async (file) => {
        await this.#publish(storagePath, expected, (part) => this.#send(file, part, expected.size));
      });
    } finally {
      source.destroy();
    }
  }

  async read(storagePath: string, from = 0): Promise<Readable> {
    checkStoragePath(this.name, storagePath);
    let headers: Readonly<Record<string, string>> = {};
    if (from > 0) {
      const file = await this.stat(storagePath);
      if (file === null) throw holdsNothing(this.name, storagePath);
      if (from >= file.size) return Readable.from([], { objectMode: false });
      // NOTE: with its end: servers of XRootD answer a range without one by nothing.
      headers = { Range: `bytes=${from}-${file.size - 1}` };
    }
    const path = this.#root + storagePath;
    const { body, status } = await this.#client.ask({ method: 'GET', path, headers });
    if (status === 206 || (status === 200 && from === 0)) return body;
    if (status === 200) return Readable.from(skipping(body, from), { objectMode: false });
    const text = await this.#client.textOf(body, storagePath);
    throw status === 404
      ? holdsNothing(this.name, storagePath)
      : this.#client.failure(storagePath, status, text);
  }

  /** From another storage of WebDAV this server fetches the file itself; if it can not, it goes through here. */
  async copy(
    source: StorageElement,
    sourcePath: string,
    storagePath: string,
    expected: Expected,
  ): Promise<void> {
    checkStoragePath(this.name, storagePath);
    // A certificate is of no use to another who would fetch the file.
    if (source instanceof WebDavStorage && source.#credential?.kind !== 'x509') {
      if ((await source.stat(sourcePath)) === null) throw holdsNothing(source.name, sourcePath);
      const authorization = await source.#client.authorization();
      const fetched = await this.#publish(storagePath, expected, (part) =>
        this.#fetch(part, expected.size, {
          Source: source.url(sourcePath),
          ...(authorization === null ? {} : { TransferHeaderAuthorization: authorization }),
        }),
      );
      if (fetched) return;
    }
    await this.put(await source.read(sourcePath), storagePath, expected);
  }

  /** Directories stay: many servers would remove one with all that has just come into it. */
  async remove(storagePath: string): Promise<'removed' | 'absent'> {
    checkForeignPath(this.name, storagePath);
    await this.#delete(partOf(storagePath));
    return this.#delete(storagePath);
  }

  async removeAll(paths: readonly string[], { signal }: BulkOptions = {}): Promise<void> {
    for (const one of paths) checkForeignPath(this.name, one);
    await pMap(paths, (one) => this.remove(one), { concurrency: AT_ONCE, signal });
  }

  async removeTree(directory: string): Promise<void> {
    checkStoragePath(this.name, directory);
    const found = await this.#find(directory);
    if (found === null) return;
    if (found.folder) await this.#empty(directory);
    await this.#delete(directory);
  }

  async *list(directory: string, after = ''): AsyncGenerator<StoredFile> {
    if (directory !== '/') checkStoragePath(this.name, directory);
    const files = walkInOrder({
      ...{ top: directory === '/' ? '' : directory, after },
      entries: (folder) => this.#entries(folder),
    });
    for await (const { entry, path: file } of files) {
      const { modifiedAt, size } = entry;
      yield { path: file, size, ...(modifiedAt === null ? {} : { modifiedAt }) };
    }
  }

  /** Where the server does not tell, it has as much room as the configuration says. */
  async space(): Promise<Space> {
    const { status, text } = await this.#propfind('', 0, QUOTA);
    if (status !== 207) throw this.#client.failure('/', status, text);
    return quotaOf(text) ?? { total: this.#capacity, free: this.#capacity };
  }

  async check(): Promise<void> {
    const root = await this.#find('');
    if (root?.folder !== true) {
      throw new FabricaError(
        'FABRICA_STORAGE_UNREACHABLE',
        `The root ${this.#client.url(this.#root)} of storage ${this.name} is not there, or is no directory.`,
        { storage: this.name },
      );
    }
    const probe = `/.part-${process.pid.toString(36)}${Date.now().toString(36)}-check`;
    const { status, text } = await this.#client.tell({
      method: 'PUT',
      path: this.#root + probe,
      body: 'x',
    });
    if (!isGood(status)) throw this.#client.failure('/', status, text);
    await this.#delete(probe);
  }

  /**
   * Has a file written under its temporary name, and moves it when it is what is expected. What is there already must be
   * what is expected. `write` may decline by `false`: then nothing is done, and the answer is false.
   */
  async #publish(
    storagePath: string,
    expected: Expected,
    write: (part: string) => Promise<boolean>,
  ): Promise<boolean> {
    return this.#inTurn(storagePath, async () => {
      if (await this.#isThere(storagePath, expected)) return true;
      const part = partOf(storagePath);
      try {
        if (!(await write(part))) return false;
        const found = await this.stat(part, { checksum: true });
        if (found?.size !== expected.size || found.adler32 !== expected.adler32) {
          throw arrivedOtherwise(this.name, storagePath, {
            expected,
            found: { size: found?.size ?? 0, adler32: found?.adler32 ?? 'unknown' },
          });
        }
        if (await this.#isThere(storagePath, expected)) {
          await this.#delete(part);
          return true;
        }
        const { status, text } = await this.#client.tell({
          method: 'MOVE',
          path: this.#root + part,
          headers: { Destination: this.#client.url(this.#root + storagePath), Overwrite: 'F' },
        });
        if (!isGood(status)) throw this.#client.failure(storagePath, status, text);
        return true;
      } catch (error) {
        // The failure is what counts; the next writer overwrites what stays.
        await this.#delete(part).catch(() => undefined);
        throw error;
      }
    });
  }

  /** Throws `FABRICA_STORAGE_EXISTS` if another file is there. */
  async #isThere(storagePath: string, expected: Expected): Promise<boolean> {
    const found = await this.stat(storagePath, { checksum: true });
    if (found === null) return false;
    if (found.size === expected.size && found.adler32 === expected.adler32) return true;
    throw holdsAnother(this.name, storagePath, expected);
  }

  async #send(file: string, part: string, size: number): Promise<true> {
    const send = () =>
      this.#client.tell({
        method: 'PUT',
        path: this.#root + part,
        body: { file, size },
        patience: copyLimit(size),
      });
    let { status, text } = await send();
    if (status === 404 || status === 409) {
      await this.#makeFolders(path.posix.dirname(part));
      ({ status, text } = await send());
    }
    if (!isGood(status)) throw this.#client.failure(part, status, text);
    return true;
  }

  /** False if this server copies nothing for others. */
  async #fetch(
    part: string,
    size: number,
    source: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    await this.#makeFolders(path.posix.dirname(part));
    const { status, text } = await this.#client.tell({
      method: 'COPY',
      path: this.#root + part,
      headers: { ...source, Overwrite: 'T' },
      patience: copyLimit(size),
    });
    if (NO_COPIES.includes(status)) return false;
    if (!isGood(status)) throw this.#client.failure(part, status, text);
    const failure = copyFailureOf(text);
    if (failure !== null) throw this.#client.failure(part, status, failure);
    return true;
  }

  async #makeFolders(folder: string): Promise<void> {
    const found = await this.#find(folder);
    if (found !== null || folder === '/') return;
    await this.#makeFolders(path.posix.dirname(folder));
    const { status, text } = await this.#client.tell({
      method: 'MKCOL',
      path: this.#root + folder,
    });
    // 405: somebody else has made it meanwhile.
    if (!isGood(status) && status !== 405) throw this.#client.failure(folder, status, text);
  }

  /** Removes all that is below a directory. */
  async #empty(folder: string): Promise<void> {
    for await (const { folder: isFolder, name } of this.#entries(folder)) {
      const one = `${folder}/${name}`;
      if (isFolder) await this.#empty(one);
      await this.#delete(one);
    }
  }

  async *#entries(folder: string): AsyncGenerator<Resource & { readonly name: string }> {
    const { status, text } = await this.#propfind(folder, 1, PROPERTIES);
    if (status === 404) return;
    const found = status === 207 ? resourcesOf(text) : null;
    if (found === null) throw this.#client.failure(folder || '/', status, text);
    const above = this.#root + folder;
    for (const one of found) {
      if (one.path === above || !one.path.startsWith(`${above}/`)) continue;
      const name = one.path.slice(above.length + 1);
      if (!name.includes('/')) yield { ...one, name };
    }
  }

  async #find(storagePath: string): Promise<Resource | null> {
    const { status, text } = await this.#propfind(storagePath, 0, PROPERTIES);
    if (status === 404) return null;
    const [found] = status === 207 ? (resourcesOf(text) ?? []) : [];
    if (found === undefined) throw this.#client.failure(storagePath || '/', status, text);
    return found;
  }

  #propfind(
    storagePath: string,
    depth: 0 | 1,
    body: string,
  ): Promise<{ status: number; text: string }> {
    return this.#client.tell({
      method: 'PROPFIND',
      path: this.#root + storagePath || '/',
      headers: { Depth: String(depth), 'Content-Type': 'application/xml' },
      body,
    });
  }

  /** As the server computes it; one that does not has the file read. */
  async #checksum(storagePath: string): Promise<string> {
    const { headers, status, text } = await this.#client.tell({
      method: 'HEAD',
      path: this.#root + storagePath,
      headers: { 'Want-Digest': 'adler32' },
      patience: copyLimit(0),
    });
    if (!isGood(status)) throw this.#client.failure(storagePath, status, text);
    const told = headers['digest'];
    const known = adler32Of(typeof told === 'string' ? told : told?.join(','));
    if (known !== null) return known;
    const sum = new Adler32();
    for await (const piece of (await this.read(storagePath)) as AsyncIterable<Buffer>) {
      sum.update(piece);
    }
    return sum.hex();
  }

  async #delete(storagePath: string): Promise<'removed' | 'absent'> {
    const { status, text } = await this.#client.tell({
      method: 'DELETE',
      path: this.#root + storagePath,
    });
    if (isGood(status)) return 'removed';
    if (status === 404) return 'absent';
    throw this.#client.failure(storagePath, status, text);
  }

  /** One after the other for each file. */
  async #inTurn<T>(storagePath: string, act: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(storagePath) ?? Promise.resolve();
    const mine = before.then(act, act);
    this.#writes.set(storagePath, mine);
    try {
      return await mine;
    } finally {
      if (this.#writes.get(storagePath) === mine) this.#writes.delete(storagePath);
    }
  }
}

/** What a file is called until it is whole. */
const partOf = (storagePath: string): string =>
  `${path.posix.dirname(storagePath).replace(/\/$/, '')}/.part-${path.posix.basename(storagePath)}`;

const isGood = (status: number): boolean => status >= 200 && status < 300;
