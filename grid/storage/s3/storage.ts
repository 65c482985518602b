import path from 'node:path';
import { Readable } from 'node:stream';
import pMap from 'p-map';
import { Adler32 } from '../../../domain/adler32.js';
import { FabricaError } from '../../../domain/errors.js';
import { HTTP_URL } from '../../../domain/storage-url.js';
import type { CredentialOf } from '../../credentials.js';
import type { JobAccess, JobPlace } from '../job-access.js';
import type {
  BulkOptions,
  Expected,
  Space,
  StorageElement,
  StoredFile,
} from '../storage-element.js';
import { arrivedOtherwise, brokeOff, holdsAnother, holdsNothing } from '../storage-failures.js';
import { checkForeignPath, checkStoragePath } from '../storage-path.js';
import { adler32OfType, typeOf } from './content-type.js';
import { encodedPath, S3Client, type OpenUpload, type UploadedPart } from './client.js';
import { MeasuredPieces } from './measured-pieces.js';

export interface S3StorageOptions {
  readonly name: string;
  /** `https://host:port/bucket/directory`: where on which server its files are. */
  readonly url: string;
  readonly region: string;
  readonly credential: CredentialOf<'s3'>;
  /** File with the certificates that sign that of the server. (Default: those that Node.js knows) */
  readonly ca?: string | undefined;
  /** Bytes that it holds: no server tells. */
  readonly capacity: number;
  /** Bytes of the parts of larger files. (Default: 8 MiB) */
  readonly partSize?: number;
}

/** Requests at once, and of one file that is written. */
const AT_ONCE = 16;
const PARTS_AT_ONCE = 2;
/** Objects are written whole or in parts of this size; servers take no smaller ones than 5 MiB but the last, and no more than 10,000. */
const PART_SIZE = 8 * 1024 * 1024;
const MOST_PARTS = 10_000;
/** Of a part that a server takes from an object of its own; none takes more than 5 GiB. */
const COPIED_PART_SIZE = 1024 ** 3;

/**
 * A storage that speaks S3. A write is a request, or an upload in parts that its last request completes: nobody sees a file before, and with
 * `If-None-Match` the server refuses it where one is already. The server compares what it gets with an MD5, and keeps, in the type of the content, the adler32 of
 * the same bytes. A file has no other content as long as it is there, so that this is true of what the storage holds.
 */
export class S3Storage implements StorageElement {
  readonly kind = 's3';
  readonly name: string;
  /** Of all keys, with a slash at its end unless it is empty. */
  readonly #prefix: string;
  readonly #capacity: number;
  readonly #partSize: number;
  readonly #client: S3Client;
  /** It is known that its server does not write over anything. */
  #keeps = false;

  constructor({ ca, capacity, credential, name, partSize, region, url }: S3StorageOptions) {
    const parts = HTTP_URL.exec(url)?.groups;
    if (parts === undefined) {
      throw new FabricaError(
        'FABRICA_CONFIGURATION_INVALID',
        `${JSON.stringify(url)} of storage ${name} is no address such as https://host:port/bucket.`,
        { storage: name },
      );
    }
    const [, bucket = '', ...folders] = (parts['root'] ?? '').split('/');
    this.name = name;
    this.#prefix = folders.map((folder) => `${folder}/`).join('');
    this.#capacity = capacity;
    this.#partSize = partSize ?? PART_SIZE;
    const origin = parts['origin'] ?? '';
    this.#client = new S3Client({ storage: name, origin, bucket, region, credential, ca });
  }

  url(storagePath: string): string {
    checkStoragePath(this.name, storagePath);
    return `${this.#root()}${encodedPath(storagePath)}`;
  }

  pathOf(url: string): string | null {
    const root = this.#root();
    if (!url.startsWith(`${root}/`)) return null;
    try {
      return decodeURIComponent(url.slice(root.length));
    } catch {
      return null;
    }
  }

  /** Signed addresses: of each only what a job does there. What it writes is never written over. */
  async jobAccess(places: readonly JobPlace[], seconds: number): Promise<JobAccess[]> {
    const sign = await this.#client.signing(seconds);
    const access: JobAccess[] = [];
    for (const { url, use } of places) {
      const key = this.#keyOf(this.pathOf(url) ?? '/');
      for (const method of METHODS[use]) {
        const headers = method === 'PUT' ? { 'if-none-match': '*' } : {};
        access.push({ url, method, curl: [['url', await sign({ method, key, headers })]] });
      }
    }
    return access;
  }

  async stat(
    storagePath: string,
    { checksum = false, signal }: { checksum?: boolean; signal?: AbortSignal | undefined } = {},
  ): Promise<StoredFile | null> {
    checkForeignPath(this.name, storagePath);
    signal?.throwIfAborted();
    const asked = { about: storagePath, signal };
    const found = await this.#client.head(this.#keyOf(storagePath), asked);
    if (found === null) return this.#partFile(storagePath);
    const file = { path: storagePath, size: found.size };
    if (!checksum) return file;
    return {
      ...file,
      adler32: adler32OfType(found.type) ?? (await this.#sumOf(storagePath)),
    };
  }

  async statAll(
    paths: readonly string[],
    { checksum = false, signal }: BulkOptions & { checksum?: boolean } = {},
  ): Promise<(StoredFile | null)[]> {
    for (const one of paths) checkForeignPath(this.name, one);
    return pMap(paths, (one) => this.stat(one, { checksum, signal }), {
      ...{ concurrency: AT_ONCE, signal },
    });
  }

  async put(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    try {
      checkStoragePath(this.name, storagePath);
      if (expected.size > this.#partSize) await this.#putParts(source, storagePath, expected);
      else await this.#putWhole(source, storagePath, expected);
    } finally {
      source.destroy();
    }
  }

  async read(storagePath: string, from = 0): Promise<Readable> {
    checkStoragePath(this.name, storagePath);
    const content = await this.#client.get(this.#keyOf(storagePath), from, { about: storagePath });
    if (content === 'absent') throw holdsNothing(this.name, storagePath);
    return content === 'behind' ? Readable.from([], { objectMode: false }) : content;
  }

  /** From another storage of the same server that server copies; if it may not, and from any other, it goes through here. */
  async copy(
    source: StorageElement,
    sourcePath: string,
    storagePath: string,
    expected: Expected,
  ): Promise<void> {
    checkStoragePath(this.name, storagePath);
    const isNear = source instanceof S3Storage && source.#client.origin === this.#client.origin;
    if (isNear && (await this.#copyNear(source, sourcePath, storagePath, expected))) return;
    await this.put(await source.read(sourcePath), storagePath, expected);
  }

  async remove(storagePath: string): Promise<'removed' | 'absent'> {
    checkForeignPath(this.name, storagePath);
    const key = this.#keyOf(storagePath);
    const asked = { about: storagePath };
    const aborted = await this.#abortPart(storagePath);
    if ((await this.#client.head(key, asked)) === null) return aborted ? 'removed' : 'absent';
    await this.#client.remove(key, asked);
    return 'removed';
  }

  async removeAll(paths: readonly string[], { signal }: BulkOptions = {}): Promise<void> {
    for (const one of paths) checkForeignPath(this.name, one);
    signal?.throwIfAborted();
    for (const one of paths) await this.#abortPart(one);
    const keys = paths.map((one) => this.#keyOf(one));
    await this.#client.removeAll(keys, { about: paths[0] ?? '/', signal });
  }

  async removeTree(directory: string): Promise<void> {
    checkStoragePath(this.name, directory);
    const asked = { about: directory };
    const prefix = `${this.#keyOf(directory)}/`;
    for (const upload of await this.#client.uploads(prefix, asked)) {
      await this.#client.abort(upload, asked);
    }
    let some: string[] = [];
    for await (const { key } of this.#client.list(prefix, '', asked)) {
      some.push(key);
      if (some.length < MOST_HELD) continue;
      await this.#client.removeAll(some, asked);
      some = [];
    }
    await this.#client.removeAll(some, asked);
    await this.remove(directory);
  }

  /** Uploads in parts that nobody has completed are among them under the name `.part-NAME`; removing that aborts them. */
  async *list(directory: string, after = ''): AsyncGenerator<StoredFile> {
    if (directory !== '/') checkStoragePath(this.name, directory);
    const below = directory === '/' ? this.#prefix : `${this.#keyOf(directory)}/`;
    const asked = { about: directory };
    const parts = partFiles(await this.#client.uploads(below, asked), this.#prefix.length)
      .filter((file) => file.path > after)
      .sort((one, other) => (one.path < other.path ? -1 : 1));
    const startAfter = after === '' ? '' : this.#keyOf(after);
    for await (const { key, modifiedAt, size } of this.#client.list(below, startAfter, asked)) {
      const file = `/${key.slice(this.#prefix.length)}`;
      // What others keep as a folder is no file, and such names no paths.
      if (file.endsWith('/') || file.includes('//')) continue;
      while (parts[0] !== undefined && parts[0].path < file) {
        const [first] = parts.splice(0, 1);
        if (first !== undefined) yield first;
      }
      yield { path: file, size, ...(modifiedAt === undefined ? {} : { modifiedAt }) };
    }
    yield* parts;
  }

  /** As much as the configuration says. */
  async space(): Promise<Space> {
    await this.#reach();
    return { total: this.#capacity, free: this.#capacity };
  }

  /** A small object is written and removed. The first time it is tried to write over it: a server that lets that happen is of no use here. */
  async check(): Promise<void> {
    await this.#reach();
    const probe = `/.part-${process.pid.toString(36)}${Date.now().toString(36)}-check`;
    const asked = { about: '/' };
    const key = this.#keyOf(probe);
    await this.#client.put(key, PROBE, typeOf(null), asked);
    try {
      if (!this.#keeps && (await this.#overwrites(key))) {
        throw new FabricaError(
          'FABRICA_STORAGE_UNREACHABLE',
          `Storage ${this.name} can not be used: its server overwrites what is there, although it is asked not to (If-None-Match).`,
          { storage: this.name },
          { remedy: 'Use a server, or a version of it, that knows conditional writes.' },
        );
      }
      this.#keeps = true;
    } finally {
      await this.#client.remove(key, asked);
    }
  }

  /** Whether an object can be written over, in one request or in parts. */
  async #overwrites(key: string): Promise<boolean> {
    const asked = { about: '/' };
    if (await this.#client.put(key, PROBE, typeOf(null), asked)) return true;
    const id = await this.#client.begin(key, typeOf(null), asked);
    const upload = { key, id, begunAt: undefined };
    try {
      const part = await this.#client.part(upload, { content: PROBE, number: 1 }, asked);
      return await this.#client.complete(upload, [part], asked);
    } finally {
      await this.#client.abort(upload, asked);
    }
  }

  async #putWhole(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    const pieces = new MeasuredPieces(source, this.#partSize);
    let content: Buffer = Buffer.alloc(0);
    try {
      for await (const piece of pieces.read(expected.size)) content = piece;
    } catch (error) {
      throw brokeOff(this.name, storagePath, error);
    }
    this.#requireExpected(storagePath, pieces.found, expected);
    const type = typeOf(expected.adler32);
    const asked = { about: storagePath };
    if (await this.#client.put(this.#keyOf(storagePath), content, type, asked)) return;
    await this.#requireSame(storagePath, expected);
  }

  async #putParts(source: Readable, storagePath: string, expected: Expected): Promise<void> {
    const partSize = Math.max(this.#partSize, Math.ceil(expected.size / MOST_PARTS));
    const pieces = new MeasuredPieces(source, partSize);
    await this.#upload(storagePath, expected, async (upload, asked) => {
      let number = 0;
      const parts = await pMap(
        pieces.read(expected.size),
        (content) => this.#client.part(upload, { content, number: ++number }, asked),
        { concurrency: PARTS_AT_ONCE },
      ).catch((error: unknown) => {
        throw error instanceof FabricaError ? error : brokeOff(this.name, storagePath, error);
      });
      this.#requireExpected(storagePath, pieces.found, expected);
      return parts;
    });
  }

  /** False if it is not known to be what is expected, if it is small, or if this credential may not read there. */
  async #copyNear(
    source: S3Storage,
    sourcePath: string,
    storagePath: string,
    expected: Expected,
  ): Promise<boolean> {
    const sourceKey = source.#keyOf(sourcePath);
    const found = await source.#client.head(sourceKey, { about: sourcePath });
    if (found === null) throw holdsNothing(source.name, sourcePath);
    const adler32 = adler32OfType(found.type);
    if (adler32 === null || found.size <= this.#partSize) return false;
    this.#requireExpected(storagePath, { size: found.size, adler32 }, expected);
    const { bucket } = source.#client;
    const { etag } = found;
    const ranges = Array.from({ length: Math.ceil(found.size / COPIED_PART_SIZE) }, (_, i) => ({
      number: i + 1,
      first: i * COPIED_PART_SIZE,
      last: Math.min((i + 1) * COPIED_PART_SIZE, found.size) - 1,
    }));
    try {
      await this.#upload(storagePath, expected, (upload, asked) =>
        pMap(
          ranges,
          (range) =>
            this.#client.copiedPart(upload, { bucket, key: sourceKey, etag, ...range }, asked),
          { concurrency: PARTS_AT_ONCE },
        ),
      );
      return true;
    } catch (error) {
      if (error instanceof FabricaError && error.code === 'FABRICA_STORAGE_READONLY') return false;
      throw error;
    }
  }

  /**
   * Makes a file of parts, unless it is there already; then it must be what is expected. Whatever happens, the upload has ended afterwards; so have those of
   * others for the same file, which come too late.
   */
  async #upload(
    storagePath: string,
    expected: Expected,
    send: (
      upload: OpenUpload,
      asked: { readonly about: string; readonly signal: AbortSignal },
    ) => Promise<UploadedPart[]>,
  ): Promise<void> {
    const about = storagePath;
    const key = this.#keyOf(storagePath);
    if ((await this.#client.head(key, { about })) !== null) {
      return this.#requireSame(storagePath, expected);
    }
    const id = await this.#client.begin(key, typeOf(expected.adler32), { about });
    const upload = { key, id, begunAt: undefined };
    const others = new AbortController();
    let isMade = false;
    try {
      const parts = await send(upload, { about, signal: others.signal });
      isMade = await this.#client.complete(upload, parts, { about, bytes: expected.size });
    } catch (error) {
      // The failure is what counts; what stays is found by a sweep.
      others.abort(error);
      await this.#client.abort(upload, { about }).catch(() => undefined);
      throw error;
    }
    for (const late of await this.#client.uploads(key, { about })) {
      if (late.key === key) await this.#client.abort(late, { about });
    }
    if (!isMade) await this.#requireSame(storagePath, expected);
  }

  #requireExpected(storagePath: string, found: Expected, expected: Expected): void {
    if (found.size === expected.size && found.adler32 === expected.adler32) return;
    throw arrivedOtherwise(this.name, storagePath, { expected, found });
  }

  async #requireSame(storagePath: string, expected: Expected): Promise<void> {
    const found = await this.stat(storagePath, { checksum: true });
    if (found?.size === expected.size && found.adler32 === expected.adler32) return;
    if (found !== null) throw holdsAnother(this.name, storagePath, expected);
    throw brokeOff(this.name, storagePath, 'somebody else has just written it, and it is gone');
  }

  /** Of a file of which nobody has told it, by reading it. */
  async #sumOf(storagePath: string): Promise<string> {
    const sum = new Adler32();
    for await (const piece of (await this.read(storagePath)) as AsyncIterable<Buffer>) {
      sum.update(piece);
    }
    return sum.hex();
  }

  /** What an unfinished upload is listed as; null if there is none. */
  async #partFile(storagePath: string): Promise<StoredFile | null> {
    const [upload] = await this.#partsOf(storagePath);
    return upload === undefined ? null : { path: storagePath, size: 0 };
  }

  /** False if the path is no name of an unfinished upload, or if there is none. */
  async #abortPart(storagePath: string): Promise<boolean> {
    const uploads = await this.#partsOf(storagePath);
    for (const upload of uploads) await this.#client.abort(upload, { about: storagePath });
    return uploads.length > 0;
  }

  async #partsOf(storagePath: string): Promise<OpenUpload[]> {
    const name = path.posix.basename(storagePath);
    if (!name.startsWith(PART)) return [];
    const folder = this.#keyOf(storagePath).slice(0, -name.length);
    const key = folder + name.slice(PART.length);
    const found = await this.#client.uploads(key, { about: storagePath });
    return found.filter((upload) => upload.key === key);
  }

  /** Throws what is told of the bucket or of who asks. */
  async #reach(): Promise<void> {
    await this.#client.list(this.#prefix, '', { about: '/' }).next();
  }

  #keyOf(storagePath: string): string {
    return this.#prefix + storagePath.slice(1);
  }

  #root(): string {
    const { bucket, origin } = this.#client;
    return `s3+${origin}/${bucket}${`/${this.#prefix}`.slice(0, -1)}`;
  }
}

const PROBE = Buffer.from('x');

/** What a job does with a place. */
const METHODS = { input: ['GET'], claim: ['GET', 'PUT'], output: ['PUT', 'DELETE'] } as const;

/** What an upload in parts is called in lists. */
const PART = '.part-';
/** Keys that are held until they are removed. */
const MOST_HELD = 1000;

/** Each once, however many uploads of it there are; the last of them counts. */
function partFiles(uploads: readonly OpenUpload[], prefix: number): StoredFile[] {
  const files = new Map<string, StoredFile>();
  for (const { begunAt, key } of uploads) {
    const file = `/${key.slice(prefix)}`;
    const { base, dir } = path.posix.parse(file);
    const named = `${dir === '/' ? '' : dir}/${PART}${base}`;
    const before = files.get(named)?.modifiedAt ?? 0;
    files.set(named, {
      ...{ path: named, size: 0 },
      ...(begunAt === undefined ? {} : { modifiedAt: Math.max(before, begunAt) }),
    });
  }
  return [...files.values()];
}
