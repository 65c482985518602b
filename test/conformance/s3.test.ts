import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Credentials, type KeyPair } from '../../grid/credentials.js';
import { wrapperConformance } from '../grid/compute/wrapper-conformance.js';
import { S3Storage, type S3StorageOptions } from '../../grid/storage/s3/storage.js';
import {
  expectedOf,
  failsWith,
  listed,
  outageConformance,
  put,
  storageConformance,
} from '../grid/storage/conformance.js';
import { certificateAuthority, type Authority } from '../servers/certificates.js';
import { startVersitygw, type S3Server } from '../servers/versitygw.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

let authority: Authority;
let servers: { near: S3Server; far: S3Server };
let rounds = 0;
let storages: { near: S3Storage; far: S3Storage; dead: S3Storage };
/** Of the bucket of `near`. */
let onDisk: string;
/** Asks it past Fabrica. */
let raw: S3;

beforeAll(async () => {
  authority = certificateAuthority();
  servers = { near: await startVersitygw(), far: await startVersitygw(authority) };
  console.log(`S3 of ${servers.near.version}`);
  const { keys, origin } = servers.near;
  raw = new S3({
    ...{ endpoint: origin, region: 'us-east-1', forcePathStyle: true, credentials: keys },
  });
});
afterAll(async () => {
  await servers.near.end();
  await servers.far.end();
  authority.end();
});
beforeEach(() => {
  rounds++;
  onDisk = servers.near.bucket(bucket());
  servers.far.bucket(bucket());
  storages = {
    near: storageOn('NEAR', servers.near),
    far: storageOn('FAR', servers.far),
    dead: storageOn('DEAD', { ...servers.near, origin: 'http://127.0.0.1:9' }),
  };
});

const bucket = (): string => `round${rounds}`;

const credentialOf = (keys: KeyPair): S3StorageOptions['credential'] => ({
  ...{ kind: 's3', name: 'keys' },
  read: () => Promise.resolve(keys),
});

/** A storage of its own in a directory of a new bucket. Parts are as small as servers take them. */
function storageOn(
  name: string,
  { keys, origin }: Pick<S3Server, 'keys' | 'origin'>,
  change: Partial<S3StorageOptions> = {},
): S3Storage {
  return new S3Storage({
    ...{ name, url: `${origin}/${bucket()}/store`, region: 'us-east-1' },
    ...{ credential: credentialOf(keys), capacity: 1e15, partSize: PART },
    ...(origin.startsWith('https:') ? { ca: authority.certificate } : {}),
    ...change,
  });
}

const PART = 5 * 1024 * 1024;

describe('a storage of S3', () => {
  storageConformance(() => storages);
  outageConformance(
    () => storages,
    () => servers.near,
  );

  it('is not seen before it is whole, and is listed as unfinished until then', async () => {
    const { near } = storages;
    const content = Buffer.alloc(3 * PART + 1, 'fabrica');
    let seen: unknown;
    let unfinished: string[] = [];
    const source = Readable.from(
      (async function* () {
        yield content.subarray(0, 2 * PART + 2);
        await vi.waitFor(async () => {
          unfinished = await pathsOf(near);
          expect(unfinished).toHaveLength(1);
        });
        seen = await near.stat('/mc/a.root');
        yield content.subarray(2 * PART + 2);
      })(),
    );
    await near.put(source, '/mc/a.root', expectedOf(content));
    expect(seen).toBeNull();
    expect(unfinished).toEqual(['/mc/.part-a.root']);
    expect(await near.stat('/mc/a.root', { checksum: true })).toMatchObject(expectedOf(content));
    expect(await pathsOf(near)).toEqual(['/mc/a.root']);
  });

  it('leaves nothing of parts whose end is not what was told', async () => {
    const { near } = storages;
    const content = Buffer.alloc(2 * PART + 1, 'fabrica');
    const other = { ...expectedOf(content), adler32: '00000001' };
    await expect(near.put(Readable.from([content]), '/a', other)).rejects.toEqual(
      failsWith('FABRICA_STORAGE_CHECKSUM'),
    );
    const broken = Readable.from(
      (function* () {
        yield content.subarray(0, PART + 7);
        throw new Error('connection lost');
      })(),
    );
    await expect(near.put(broken, '/a', expectedOf(content))).rejects.toThrow(/connection lost/);
    expect(await pathsOf(near)).toEqual([]);
  });

  it('lets one of several that write a large file at the same time win', async () => {
    const { near } = storages;
    const contents = ['a', 'b', 'c'].map((letter) => Buffer.alloc(2 * PART + 1, letter));
    const results = await Promise.allSettled(contents.map((one) => put(near, '/big', one)));
    const won = results.findIndex(({ status }) => status === 'fulfilled');
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await near.stat('/big', { checksum: true })).toMatchObject(
      expectedOf(contents[won] ?? ''),
    );
    expect(await pathsOf(near)).toEqual(['/big']);
  });

  it('has what killed writers left listed, removed as any file, and by the next writer', async () => {
    const { near } = storages;
    const begun = Date.now() - 60_000;
    const Key = 'store/mc/a.root';
    for (let i = 0; i < 2; i++) {
      const { UploadId } = await raw.createMultipartUpload({ Bucket: bucket(), Key });
      await raw.uploadPart({ ...{ Bucket: bucket(), Key, UploadId, PartNumber: 1 }, Body: 'part' });
    }
    await put(near, '/mc/b.root', 'content');
    const files = await all(near.list('/mc'));
    expect(files.map((file) => file.path)).toEqual(['/mc/.part-a.root', '/mc/b.root']);
    expect(files[0]?.modifiedAt).toBeGreaterThan(begun);
    expect(await near.stat('/mc/.part-a.root')).not.toBeNull();
    expect(await near.remove('/mc/.part-a.root')).toBe('removed');
    expect(await near.remove('/mc/.part-a.root')).toBe('absent');
    expect(await pathsOf(near)).toEqual(['/mc/b.root']);

    await raw.createMultipartUpload({ Bucket: bucket(), Key });
    await put(near, '/mc/a.root', Buffer.alloc(PART + 1));
    expect(await pathsOf(near)).toEqual(['/mc/a.root', '/mc/b.root']);
    await raw.createMultipartUpload({ Bucket: bucket(), Key: 'store/mc/c.root' });
    await near.removeTree('/mc');
    expect(await pathsOf(near)).toEqual([]);
  });

  it('reads files of which nobody has told the checksum', async () => {
    const { near, far } = storages;
    const content = Buffer.alloc(PART + 1, 'foreign');
    await raw.putObject({ Bucket: bucket(), Key: 'store/mc/a', Body: content });
    expect(await near.stat('/mc/a', { checksum: true })).toMatchObject(expectedOf(content));
    await far.copy(near, '/mc/a', '/mc/a', expectedOf(content));
    await put(near, '/mc/a', content);
    await expect(put(near, '/mc/a', 'other')).rejects.toEqual(failsWith('FABRICA_STORAGE_EXISTS'));
    const told = await raw.headObject({ Bucket: bucket(), Key: 'store/mc/a' });
    expect(told.ContentType).not.toContain('adler32');
  });

  it('takes empty files', async () => {
    const { near, far } = storages;
    await put(near, '/mc/empty', '');
    expect(await near.stat('/mc/empty', { checksum: true })).toMatchObject(expectedOf(''));
    expect(await contentOf(await near.read('/mc/empty'))).toHaveLength(0);
    await far.copy(near, '/mc/empty', '/mc/empty', expectedOf(''));
    expect(await listed(far, '/')).toEqual([{ path: '/mc/empty', size: 0 }]);
  });

  it('has its server copy from another storage of the same one', async () => {
    class Unread extends S3Storage {
      override read(): never {
        throw new Error('it went through here');
      }
    }
    const { keys, origin } = servers.near;
    servers.near.bucket(`${bucket()}-other`);
    const near = new Unread({
      ...{ name: 'UNREAD', url: `${origin}/${bucket()}/store`, region: 'us-east-1' },
      ...{ credential: credentialOf(keys), capacity: 1e15, partSize: PART },
    });
    const other = storageOn('OTHER', servers.near, { url: `${origin}/${bucket()}-other` });
    const content = Buffer.alloc(2 * PART + 1, 'fabrica');
    const odd = "/mc/it's (a) + b é.root";
    await put(near, odd, content);
    await other.copy(near, odd, '/deep/a.root', expectedOf(content));
    expect(await other.stat('/deep/a.root', { checksum: true })).toMatchObject(expectedOf(content));
    expect((await contentOf(await other.read('/deep/a.root'))).equals(content)).toBe(true);
    await expect(other.copy(near, odd, '/b', expectedOf('b'))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_CHECKSUM'),
    );
    const small = near.put(Readable.from([Buffer.from('x')]), '/small', expectedOf('x'));
    await small;
    await expect(other.copy(near, '/small', '/s', expectedOf('x'))).rejects.toThrow('through here');
    expect(await pathsOf(other)).toEqual(['/deep/a.root']);
  });

  it('lists and removes more than a server tells at once', async () => {
    const { near } = storages;
    await put(near, '/mc/sub00/first', 'x');
    const names = Array.from({ length: 2100 }, (_, i) => `f${String(i).padStart(5, '0')}`);
    for (const name of names) writeFileSync(path.join(onDisk, 'store/mc/sub00', name), name);
    const paths = [...names.map((name) => `/mc/sub00/${name}`), '/mc/sub00/first'].sort();
    expect(await pathsOf(near)).toEqual(paths);
    const after = await all(near.list('/mc', paths[1500]));
    expect(after.map((file) => file.path)).toEqual(paths.slice(1501));
    expect(await all(near.list('/', '/mc/sub00/\uffff'))).toEqual([]);
    await near.removeAll(paths.slice(0, 1050));
    expect(await pathsOf(near)).toEqual(paths.slice(1050));
    await near.removeTree('/mc');
    expect(await pathsOf(near)).toEqual([]);
  });

  it('tells what is wrong with who asks, and not its secret', async () => {
    const { near } = storages;
    await put(near, '/a', 'content');
    const asks = (storage: S3Storage) => [
      () => storage.check(),
      () => storage.space(),
      () => storage.stat('/a'),
      () => put(storage, '/b', 'x'),
      () => put(storage, '/b', Buffer.alloc(PART + 1)),
      () => listed(storage, '/'),
      () => storage.read('/a'),
      () => storage.remove('/a'),
      () => storage.removeAll(['/a']),
    ];
    const wrong = { ...servers.near.keys, secretAccessKey: 'wrong-secret' };
    const unknown = { accessKeyId: 'nobody', secretAccessKey: 'wrong-secret' };
    for (const [keys, said] of [
      [wrong, /refuses the credential keys: the server says that its secret is wrong/],
      [unknown, /refuses the credential keys: the server does not know its access key/],
    ] as const) {
      for (const ask of asks(storageOn('WRONG', { ...servers.near, keys }))) {
        const error = await ask().then(
          () => null,
          (thrown: unknown) => thrown,
        );
        expect(error).toEqual(failsWith('FABRICA_STORAGE_CREDENTIAL'));
        expect(String(error)).toMatch(said);
        expect(String(error)).not.toContain('wrong-secret');
      }
    }
    expect(await near.stat('/a')).not.toBeNull();
  });

  it('knows a bucket that is not there from a file that is not', async () => {
    const { origin } = servers.near;
    const gone = storageOn('GONE', servers.near, { url: `${origin}/no-such-bucket` });
    const refusal = failsWith('FABRICA_STORAGE_UNREACHABLE');
    await expect(gone.stat('/a')).rejects.toEqual(refusal);
    await expect(gone.read('/a')).rejects.toThrow(/NoSuchBucket/);
    await expect(gone.remove('/a')).rejects.toEqual(refusal);
    await expect(gone.check()).rejects.toThrow(/NoSuchBucket/);
    await expect(listed(gone, '/')).rejects.toEqual(refusal);
  });

  it('goes on with a renewed key, and tells of one that can not be read', async () => {
    const folder = temporaryFolder();
    const [id, secret] = ['id', 'secret'].map((name) => path.join(folder, name));
    if (id === undefined || secret === undefined) throw new Error('two names');
    const write = (file: string, text: string): void =>
      writeFileSync(file, `${text}\n`, { mode: 0o600 });
    const { accessKeyId, secretAccessKey } = servers.near.keys;
    write(id, accessKeyId);
    write(secret, 'ended');
    const credentials = new Credentials(
      [{ ...{ name: 'kek', kind: 's3' }, accessKey: { file: id }, secretKey: { file: secret } }],
      {},
    );
    const storage = storageOn('RENEWED', servers.near, {
      credential: credentials.get('kek', 's3'),
    });
    await expect(storage.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_CREDENTIAL'));
    write(secret, secretAccessKey);
    await storage.check();
    rmSync(secret);
    await expect(storage.check()).rejects.toThrow(/Credential kek can not be used: .*secret/);
    // Renewed while it was under way.
    const keys = [{ ...servers.near.keys, secretAccessKey: 'ended' }];
    const read = () => Promise.resolve(keys.shift() ?? servers.near.keys);
    const late = storageOn('LATE', servers.near, {
      credential: { kind: 's3', name: 'late', read },
    });
    await late.check();
  });

  it('works where the clock of this machine is wrong, also for jobs', async () => {
    const { near } = storages;
    await put(near, '/a', 'content');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 3_600_000 });
    try {
      const late = storageOn('LATE', servers.near);
      const url = late.url('/a');
      const [access] = await late.jobAccess([{ url, use: 'input' }], 60);
      expect((await fetch(access?.curl[0]?.[1] ?? '')).status).toBe(200);
      await storageOn('LATER', servers.near).check();
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives jobs addresses that do one thing, once, and end', async () => {
    const { near } = storages;
    await put(near, '/in', 'content');
    const places = [
      { url: near.url('/in'), use: 'input' },
      { url: near.url('/out'), use: 'output' },
    ] as const;
    const access = await near.jobAccess(places, 2);
    const [get = '', write = '', remove = ''] = access.map(({ curl }) => curl[0]?.[1]);
    expect(access.map(({ method }) => method)).toEqual(['GET', 'PUT', 'DELETE']);
    expect(await (await fetch(get)).text()).toBe('content');
    const send = (url: string, headers: Record<string, string>) =>
      fetch(url, { method: 'PUT', body: 'out', headers }).then(({ status }) => status);
    expect(await send(get, {})).toBe(403);
    expect(await send(write, {})).toBe(403);
    expect(await send(write, { 'If-None-Match': '*' })).toBe(200);
    expect(await send(write, { 'If-None-Match': '*' })).toBe(412);
    expect((await fetch(remove, { method: 'DELETE' })).status).toBe(204);
    await sleep(2100);
    expect((await fetch(get)).status).toBe(403);
  });
});

describe('a job wrapper with storages of S3', () => {
  wrapperConformance(() => storages);
});

const pathsOf = async (storage: S3Storage): Promise<string[]> =>
  (await listed(storage, '/')).map((file) => file.path);

async function contentOf(source: Readable): Promise<Buffer> {
  return Buffer.concat(await all(source as AsyncIterable<Buffer>));
}

async function all<T>(things: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of things) found.push(one);
  return found;
}
