import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { CompletedPart, ListObjectsV2CommandOutput, S3 } from '@aws-sdk/client-s3';
import { FabricaError } from '../../../domain/errors.js';
import type { CredentialOf, KeyPair } from '../../credentials.js';
import { authorities } from '../../authorities.js';
import { copyLimit } from '../copy-limit.js';
import {
  failureOf,
  isRefusal,
  refusalOf,
  refusesCredential,
  saysAbsent,
  type Refusal,
} from './failures.js';

/** s for a connection, and without a byte of a file that is read. */
const CONNECT = 10;
const PATIENCE = 60;
/** Times that a request is made whose connection breaks off, or that the server puts off. */
const MOST_TRIES = 3;
/** What a server takes in one request for many. */
const PAGE = 1000;
/** s; no signature is taken for longer. */
const LONGEST_SIGNED = 7 * 86_400;

export interface S3ClientOptions {
  readonly storage: string;
  /** `https://host:port`. */
  readonly origin: string;
  readonly bucket: string;
  readonly region: string;
  readonly credential: CredentialOf<'s3'>;
  /** File with the certificates that sign that of the server. (Default: those that Node.js knows) */
  readonly ca?: string | undefined;
}

/** An object as a server knows it. */
export interface ObjectHead {
  readonly size: number;
  readonly etag: string;
  /** As it was told by who wrote it; undefined if that one did not. */
  readonly type: string | undefined;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly modifiedAt: number | undefined;
}

export interface OpenUpload {
  readonly key: string;
  readonly id: string;
  readonly begunAt: number | undefined;
}

/** A request that others may make; they must send these headers with it. */
export interface SignedRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A part of an upload whose content the server has taken. */
export type UploadedPart = CompletedPart;

interface RequestOptions {
  readonly abortSignal: AbortSignal;
}

interface Asked {
  /** Path for messages. */
  readonly about: string;
  /** Bytes that the server has to move for it. (Default: none worth counting) */
  readonly bytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What is asked of a bucket, by the client of AWS. It is loaded at the first use: it takes a third of a second, which processes without such storages need
 * not spend. Whatever fails is one of Fabrica's errors.
 */
export class S3Client {
  readonly origin: string;
  readonly bucket: string;
  readonly #options: S3ClientOptions;
  #loaded: Promise<S3> | undefined;
  #clockTold: Promise<void> | undefined;
  /** That of the last request, kept to see whether another one is there after a refusal. */
  #used: KeyPair | undefined;

  constructor(options: S3ClientOptions) {
    this.origin = options.origin;
    this.bucket = options.bucket;
    this.#options = options;
  }

  /** Null if it is not there. */
  async head(key: string, asked: Asked, tries = 2): Promise<ObjectHead | null> {
    const { about, signal } = asked;
    const found = await this.#unless([400, 403, 404], { about, signal }, (s3, options) =>
      s3.headObject({ Bucket: this.bucket, Key: key }, options),
    );
    if (!isRefusal(found)) return headOf(found);
    // An answer to HEAD has no reason in it.
    const read = await this.#unless([404, 416], { about, signal }, (s3, options) =>
      s3.getObject({ Bucket: this.bucket, Key: key, Range: 'bytes=0-0' }, options),
    );
    if (isRefusal(read) && saysAbsent(read)) return null;
    if (!isRefusal(read)) bodyOf(read.Body).destroy();
    if (isRefusal(read) && read.status === 404) throw this.#failure(about, read);
    // It has just come.
    if (found.status === 404 && tries > 1) return this.head(key, asked, tries - 1);
    throw this.#failure(about, found);
  }

  /** The content from a byte on; `absent` if there is no such object, `behind` if it has no byte there. */
  async get(key: string, from: number, { about }: Asked): Promise<Readable | 'absent' | 'behind'> {
    const range = from === 0 ? {} : { Range: `bytes=${from}-` };
    const found = await this.#unless([404, 416], { about }, (s3, options) =>
      s3.getObject({ Bucket: this.bucket, Key: key, ...range }, options),
    );
    if (!isRefusal(found)) return bodyOf(found.Body);
    if (found.status === 416) return 'behind';
    if (saysAbsent(found)) return 'absent';
    throw this.#failure(about, found);
  }

  /** False if an object is there already. The server compares what it gets with its MD5. */
  async put(key: string, content: Buffer, type: string, { about }: Asked): Promise<boolean> {
    const put = await this.#unless([409, 412], { about, bytes: content.length }, (s3, options) =>
      s3.putObject(
        {
          ...{ Bucket: this.bucket, Key: key, Body: content, ContentType: type },
          ...{ ContentMD5: md5Of(content), IfNoneMatch: '*' },
        },
        options,
      ),
    );
    return !isRefusal(put);
  }

  async remove(key: string, { about }: Asked): Promise<void> {
    await this.#ask({ about }, (s3, options) =>
      s3.deleteObject({ Bucket: this.bucket, Key: key }, options),
    );
  }

  async removeAll(keys: readonly string[], { about, signal }: Asked): Promise<void> {
    for (let first = 0; first < keys.length; first += PAGE) {
      const some = keys.slice(first, first + PAGE).map((Key) => ({ Key }));
      const { Errors: [refused] = [] } = await this.#ask({ about, signal }, (s3, options) =>
        s3.deleteObjects({ Bucket: this.bucket, Delete: { Objects: some, Quiet: true } }, options),
      );
      if (refused === undefined) continue;
      const { Code: code = '', Message: text = '' } = refused;
      throw this.#failure(about, { refused: true, code, status: null, text });
    }
  }

  /** Objects whose keys begin so, in the order of their keys, those after one only. */
  async *list(prefix: string, after: string, { about }: Asked): AsyncGenerator<ListedObject> {
    let next: { ContinuationToken?: string; StartAfter?: string } =
      after === '' ? {} : { StartAfter: after };
    while (true) {
      const from = next;
      const page: ListObjectsV2CommandOutput = await this.#ask({ about }, (s3, options) =>
        s3.listObjectsV2(
          { Bucket: this.bucket, Prefix: prefix, EncodingType: 'url', ...from },
          options,
        ),
      );
      const isEncoded = page.EncodingType === 'url';
      for (const { Key = '', LastModified, Size = 0 } of page.Contents ?? []) {
        const key = isEncoded ? decoded(Key) : Key;
        yield { key, size: Size, modifiedAt: LastModified?.getTime() };
      }
      if (page.IsTruncated !== true || page.NextContinuationToken === undefined) return;
      next = { ContinuationToken: page.NextContinuationToken };
    }
  }

  /** Uploads of keys that begin so which nobody has completed. */
  async uploads(prefix: string, { about }: Asked): Promise<OpenUpload[]> {
    const found: OpenUpload[] = [];
    let next: { KeyMarker?: string; UploadIdMarker?: string } = {};
    while (true) {
      const from = next;
      const page = await this.#ask({ about }, (s3, options) =>
        s3.listMultipartUploads(
          { Bucket: this.bucket, Prefix: prefix, EncodingType: 'url', ...from },
          options,
        ),
      );
      const isEncoded = page.EncodingType === 'url';
      for (const { Initiated, Key = '', UploadId = '' } of page.Uploads ?? []) {
        const key = isEncoded ? decoded(Key) : Key;
        found.push({ key, id: UploadId, begunAt: Initiated?.getTime() });
      }
      const { IsTruncated, NextKeyMarker = '', NextUploadIdMarker = '' } = page;
      if (IsTruncated !== true || NextKeyMarker === '') return found;
      const KeyMarker = isEncoded ? decoded(NextKeyMarker) : NextKeyMarker;
      next = { KeyMarker, UploadIdMarker: NextUploadIdMarker };
    }
  }

  /** Begins an upload in parts; answers its id. */
  async begin(key: string, type: string, { about }: Asked): Promise<string> {
    const { UploadId = '' } = await this.#ask({ about }, (s3, options) =>
      s3.createMultipartUpload({ Bucket: this.bucket, Key: key, ContentType: type }, options),
    );
    return UploadId;
  }

  async part(
    { id, key }: OpenUpload,
    { content, number }: { readonly content: Buffer; readonly number: number },
    { about, signal }: Asked,
  ): Promise<UploadedPart> {
    const { ETag } = await this.#ask({ about, signal, bytes: content.length }, (s3, options) =>
      s3.uploadPart(
        {
          ...{ Bucket: this.bucket, Key: key, UploadId: id, PartNumber: number },
          ...{ Body: content, ContentMD5: md5Of(content) },
        },
        options,
      ),
    );
    return { PartNumber: number, ETag };
  }

  /** A part that the server takes from an object that it has, as long as that is the same. */
  async copiedPart(
    { id, key }: OpenUpload,
    source: {
      readonly bucket: string;
      readonly key: string;
      readonly etag: string;
      readonly number: number;
      readonly first: number;
      readonly last: number;
    },
    { about, signal }: Asked,
  ): Promise<UploadedPart> {
    const { first, last, number } = source;
    const { CopyPartResult } = await this.#ask(
      { about, signal, bytes: last - first },
      (s3, options) =>
        s3.uploadPartCopy(
          {
            ...{ Bucket: this.bucket, Key: key, UploadId: id, PartNumber: number },
            CopySource: encodedPath(`${source.bucket}/${source.key}`),
            CopySourceIfMatch: source.etag,
            CopySourceRange: `bytes=${first}-${last}`,
          },
          options,
        ),
    );
    return { PartNumber: number, ETag: CopyPartResult?.ETag };
  }

  /** Makes the object of its parts; false if one is there already, or if somebody else has ended the upload. */
  async complete(
    { id, key }: OpenUpload,
    parts: readonly UploadedPart[],
    { about, bytes = 0 }: Asked,
  ): Promise<boolean> {
    const made = await this.#unless([404, 409, 412], { about, bytes }, (s3, options) =>
      s3.completeMultipartUpload(
        {
          ...{ Bucket: this.bucket, Key: key, UploadId: id, IfNoneMatch: '*' },
          MultipartUpload: { Parts: [...parts] },
        },
        options,
      ),
    );
    return !isRefusal(made);
  }

  /** Afterwards nothing is left of the upload. */
  async abort({ id, key }: OpenUpload, { about }: Asked): Promise<void> {
    await this.#unless([404], { about }, (s3, options) =>
      s3.abortMultipartUpload({ Bucket: this.bucket, Key: key, UploadId: id }, options),
    );
  }

  /**
   * Makes addresses by which whoever has one can make that request, and no other, for so many seconds from now; a key that ends sooner ends them. The clock is
   * that of the server, as far as it tells.
   */
  async signing(seconds: number): Promise<(request: SignedRequest) => Promise<string>> {
    const { credential, origin, region } = this.#options;
    const s3 = await this.#s3();
    await (this.#clockTold ??= this.#askClock(s3));
    const { S3RequestPresigner } = await import('@aws-sdk/s3-request-presigner');
    const presigner = new S3RequestPresigner({
      ...{ credentials: await credential.read(), region, sha256: s3.config.sha256 },
    });
    const { host, hostname, port, protocol } = new URL(origin);
    const signingDate = new Date(Date.now() + s3.config.systemClockOffset);
    const options = { expiresIn: Math.min(Math.ceil(seconds), LONGEST_SIGNED), signingDate };
    return async ({ headers = {}, key, method }) => {
      const path = `/${encodedPath(`${this.bucket}/${key}`)}`;
      const request = {
        ...{ method, protocol, hostname, path, query: {}, headers: { host, ...headers } },
        ...(port === '' ? {} : { port: Number(port) }),
      };
      const { query = {} } = await presigner.presign(request, options);
      return `${origin}${path}?${new URLSearchParams(query as Record<string, string>).toString()}`;
    };
  }

  /** Any answer tells the client by how much the clocks differ, this one or a later one; until then they are taken to be the same. */
  async #askClock(s3: S3): Promise<void> {
    const abortSignal = AbortSignal.timeout(1000 * CONNECT);
    await s3.headBucket({ Bucket: this.bucket }, { abortSignal }).catch(() => undefined);
  }

  /** The answer, or a refusal with one of these statuses. */
  async #unless<T extends object>(
    statuses: readonly number[],
    asked: Asked,
    call: (s3: S3, options: RequestOptions) => Promise<T>,
  ): Promise<T | Refusal> {
    const s3 = await this.#s3();
    for (let tries = 1; ; tries++) {
      const seconds = copyLimit(asked.bytes ?? 0);
      const limit = new AbortController();
      // Ends with the answer: what is read of it then has no limit.
      const timer = setTimeout(() => {
        limit.abort(new Error(`no answer within ${seconds} s`));
      }, 1000 * seconds);
      const signals = asked.signal === undefined ? [] : [asked.signal];
      try {
        return await call(s3, { abortSignal: AbortSignal.any([limit.signal, ...signals]) });
      } catch (error) {
        asked.signal?.throwIfAborted();
        if (error instanceof FabricaError) throw error;
        const refusal = refusalOf(limit.signal.aborted ? limit.signal.reason : error);
        if (refusesCredential(refusal) && tries === 1 && (await this.#isRenewed())) continue;
        if (refusal.status !== null && statuses.includes(refusal.status)) return refusal;
        throw this.#failure(asked.about, refusal);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  async #ask<T extends object>(
    asked: Asked,
    call: (s3: S3, options: RequestOptions) => Promise<T>,
  ): Promise<T> {
    const answer = await this.#unless([], asked, call);
    if (isRefusal(answer)) throw this.#failure(asked.about, answer);
    return answer;
  }

  #s3(): Promise<S3> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #load(): Promise<S3> {
    const { ca, credential, origin, region, storage } = this.#options;
    // It warns of versions of Node.js that its later releases will not run on: nothing that those who use this one can heed.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
    const { S3 } = await import('@aws-sdk/client-s3');
    return new S3({
      ...{ endpoint: origin, region, forcePathStyle: true, maxAttempts: MOST_TRIES },
      // Many servers know no others than MD5.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Such a request would go by a connection that does not know the authorities.
      expectContinueHeader: false,
      // What has ended is asked for again: each request has the present one.
      credentials: async () => {
        this.#used = await credential.read();
        return { ...this.#used, expiration: new Date() };
      },
      requestHandler: {
        connectionTimeout: 1000 * CONNECT,
        httpsAgent: ca === undefined ? {} : { ca: authorities(ca, `storage ${storage}`) },
      },
    });
  }

  /** Whether the credential is another one than that of the last request. */
  async #isRenewed(): Promise<boolean> {
    return JSON.stringify(this.#used) !== JSON.stringify(await this.#options.credential.read());
  }

  #failure(about: string, refusal: Refusal): FabricaError {
    const { credential, storage } = this.#options;
    return failureOf({ storage, credential: credential.name }, about, refusal);
  }
}

const md5Of = (content: Buffer): string => createHash('md5').update(content).digest('base64');

function headOf(head: {
  ContentLength?: number | undefined;
  ETag?: string | undefined;
  ContentType?: string | undefined;
}): ObjectHead {
  return { size: head.ContentLength ?? 0, etag: head.ETag ?? '', type: head.ContentType };
}

/** What comes from a server of which nothing is heard for a minute fails. */
function bodyOf(body: unknown): Readable {
  const stream = body as Readable & { setTimeout?: (ms: number, then: () => void) => void };
  stream.setTimeout?.(1000 * PATIENCE, () => {
    stream.destroy(new Error(`nothing has come for ${PATIENCE} s`));
  });
  return stream;
}

/** Of a list whose keys are encoded as in a form. */
const decoded = (key: string): string => decodeURIComponent(key.replaceAll('+', ' '));

/** A path as it is signed: each byte encoded that is not plain. */
export const encodedPath = (path: string): string =>
  path
    .split('/')
    .map((name) =>
      encodeURIComponent(name).replace(
        /[!'()*]/g,
        (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');
