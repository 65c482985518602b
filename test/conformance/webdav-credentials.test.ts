import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Credentials } from '../../grid/credentials.js';
import { WebDavStorage } from '../../grid/storage/webdav/storage.js';
import { wrapperConformance, type ReachedStorages } from '../grid/compute/wrapper-conformance.js';
import { expectedOf, failsWith, listed, put } from '../grid/storage/conformance.js';
import {
  authorityFolder,
  certificateAuthority,
  certificateFor,
  type Authority,
  type Certificate,
} from '../servers/certificates.js';
import { startGuard, type Guard } from '../servers/guard.js';
import { startXRootD, type XRootDServer } from '../servers/xrootd.js';

let authority: Authority;
let server: XRootDServer;
let folder: string;
let host: Certificate;
let person: Certificate;
let rounds = 0;
let guards: Guard[];

beforeAll(async () => {
  authority = certificateAuthority();
  server = await startXRootD(authority);
  console.log(`WebDAV of XRootD ${server.version} behind a guard`);
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-guard-'));
  const made = (name: string): string => mkdtempSync(path.join(folder, name));
  host = certificateFor('localhost', authority, made('host'));
  person = certificateFor('robot', authority, made('person'));
});
afterAll(async () => {
  await server.end();
  authority.end();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  rounds++;
  guards = [];
});
afterEach(async () => {
  await Promise.all(guards.map((guard) => guard.end()));
});

const behind = (): string => server.https.replace('https:', 'http:');

async function guard(options: Omit<Parameters<typeof startGuard>[0], 'behind'>): Promise<Guard> {
  const made = await startGuard({ behind: behind(), ...options });
  guards.push(made);
  return made;
}

/** A storage of its own in a new directory of the server. */
function storageAt(
  name: string,
  { origin }: Guard,
  credential?: ReturnType<typeof tokenIn> | ReturnType<typeof certificateOf>,
): WebDavStorage {
  const place = `${name}${rounds}`;
  server.directory(place);
  return new WebDavStorage({
    ...{ name, url: `${origin}/store/${place}`, capacity: 1e15, credential },
    ...(origin.startsWith('https:') ? { ca: authority.certificate } : {}),
  });
}

const fileOf = (name: string, text: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

const tokenIn = (file: string) =>
  new Credentials([{ name: 'wlcg', kind: 'token', token: { file } }], {}).get('wlcg', 'token');

const certificateOf = ({ certificate, key }: Certificate) =>
  new Credentials([{ name: 'robot', kind: 'x509', certificate, key }], {}).get('robot', 'x509');

const CONTENT = Buffer.alloc(3_000_000, 'fabrica');

describe('a storage of WebDAV that asks for a token', () => {
  it('is used with the present one, and says what is wrong with none or another', async () => {
    let taken = ['first'];
    const front = await guard({ tokens: () => taken });
    const file = fileOf('token', 'first\n');
    const near = storageAt('NEAR', front, tokenIn(file));
    await near.check();
    await put(near, '/mc/a', CONTENT);
    expect(await near.stat('/mc/a', { checksum: true })).toMatchObject(expectedOf(CONTENT));
    taken = ['second'];
    await expect(near.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_CREDENTIAL'));
    await expect(near.stat('/mc/a')).rejects.toThrow(/NEAR refuses the credential wlcg/);
    writeFileSync(file, 'second\n');
    expect(await near.stat('/mc/a')).not.toBeNull();
    const nobody = storageAt('NOBODY', front);
    await expect(nobody.check()).rejects.toThrow(/wants to know who asks/);
    rmSync(file);
    await expect(near.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_CREDENTIAL'));
  });

  it('has another server fetch from it with its own token', async () => {
    const source = await guard({ tokens: () => ['of-the-source'] });
    const target = await guard({ tokens: () => ['of-the-target'] });
    const near = storageAt('NEAR', source, tokenIn(fileOf('source', 'of-the-source')));
    const far = storageAt('FAR', target, tokenIn(fileOf('target', 'of-the-target')));
    await put(near, '/mc/a', CONTENT);
    source.passed.length = 0;
    await far.copy(near, '/mc/a', '/mc/b', expectedOf(CONTENT));
    expect(await far.stat('/mc/b', { checksum: true })).toMatchObject(expectedOf(CONTENT));
    expect(target.passed.some((one) => one.startsWith('COPY '))).toBe(true);
    expect(target.passed.some((one) => one.startsWith('PUT '))).toBe(false);
    expect(source.passed.some((one) => one.startsWith('GET '))).toBe(true);
    expect([...source.refused, ...target.refused]).toEqual([]);
  });
});

describe('a storage of WebDAV that asks for a certificate', () => {
  it('is used with it, and says what is wrong with none or another', async () => {
    const front = await guard({ tls: { ...host, people: authority } });
    const near = storageAt('NEAR', front, certificateOf(person));
    const far = storageAt('FAR', front, certificateOf(person));
    await near.check();
    await put(near, '/mc/a', CONTENT);
    await far.copy(near, '/mc/a', '/mc/b', expectedOf(CONTENT));
    expect(await listed(far, '/')).toEqual([{ path: '/mc/b', size: CONTENT.length }]);
    const nobody = storageAt('NOBODY', front);
    await expect(nobody.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_CREDENTIAL'));
    const mixed = storageAt('MIXED', front, certificateOf({ ...person, key: host.key }));
    await expect(mixed.check()).rejects.toThrow(/MIXED refuses the credential robot/);
    expect(await near.remove('/mc/a')).toBe('removed');
  });
});

describe('a job wrapper with storages that ask for a token', () => {
  let storages: ReachedStorages;
  beforeEach(async () => {
    const front = await guard({ tokens: () => ['of-the-jobs'] });
    const credential = tokenIn(fileOf('jobs', 'of-the-jobs'));
    const url = 'http://127.0.0.1:9/store';
    storages = {
      near: storageAt('NEAR', front, credential),
      far: storageAt('FAR', front, credential),
      dead: new WebDavStorage({ name: 'DEAD', url, capacity: 1e15, credential }),
    };
  });
  wrapperConformance(() => storages);
});

describe('a job wrapper with storages that ask for a certificate', () => {
  let storages: ReachedStorages;
  beforeEach(async () => {
    const front = await guard({ tls: { ...host, people: authority } });
    const credential = certificateOf(person);
    const url = 'https://127.0.0.1:9/store';
    storages = {
      near: storageAt('NEAR', front, credential),
      far: storageAt('FAR', front, credential),
      dead: new WebDavStorage({ name: 'DEAD', url, capacity: 1e15, credential }),
    };
    // Where wrappers find the authorities of the grid, as OpenSSL looks for them.
    process.env['X509_CERT_DIR'] = authorityFolder(authority, folder);
  });
  afterEach(() => {
    Reflect.deleteProperty(process.env, 'X509_CERT_DIR');
  });
  wrapperConformance(() => storages);
});
