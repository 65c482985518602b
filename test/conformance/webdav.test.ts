import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebDavStorage } from '../../grid/storage/webdav/storage.js';
import {
  expectedOf,
  failsWith,
  listed,
  outageConformance,
  put,
  storageConformance,
} from '../grid/storage/conformance.js';
import { wrapperConformance, type ReachedStorages } from '../grid/compute/wrapper-conformance.js';
import { certificateAuthority, type Authority } from '../servers/certificates.js';
import { startXRootD, type XRootDServer } from '../servers/xrootd.js';

let authority: Authority;
let servers: { near: XRootDServer; far: XRootDServer };
let rounds = 0;
let storages: ReachedStorages;

beforeAll(async () => {
  authority = certificateAuthority();
  servers = { near: await startXRootD(authority), far: await startXRootD(authority) };
  console.log(`WebDAV of XRootD ${servers.near.version}`);
});
afterAll(async () => {
  await servers.near.end();
  await servers.far.end();
  authority.end();
});
beforeEach(() => {
  rounds++;
  storages = {
    near: storageOn('NEAR', servers.near),
    far: storageOn('FAR', servers.far),
    dead: new WebDavStorage({ name: 'DEAD', url: 'http://127.0.0.1:9/store', capacity: 1e15 }),
  };
});

/**
 * A storage of its own in a new directory of a server. Without TLS: XRootD 5.5.3 dies in libssl (SIGSEGV), about once in ten runs of this
 * suite, when many connections open and close at once.
 */
function storageOn(name: string, { directory, https }: XRootDServer): WebDavStorage {
  directory(`round${rounds}`);
  const url = `${https.replace('https:', 'http:')}/store/round${rounds}`;
  return new WebDavStorage({ name, url, capacity: 1e15 });
}

describe('a storage of WebDAV', () => {
  storageConformance(() => storages);
  outageConformance(
    () => storages,
    () => servers.near,
  );

  it('does the same over TLS', async () => {
    const [near, far] = [servers.near, servers.far].map(
      ({ https }, i) =>
        new WebDavStorage({
          ...{ name: `TLS${i}`, capacity: 1e15, ca: authority.certificate },
          url: `${https}/store/round${rounds}`,
        }),
    );
    if (near === undefined || far === undefined) throw new Error('two servers run');
    const content = Buffer.alloc(3_000_000, 'fabrica');
    await near.check();
    await put(near, '/mc/a', content);
    await far.copy(near, '/mc/a', '/mc/b', expectedOf(content));
    expect(await far.stat('/mc/b', { checksum: true })).toMatchObject(expectedOf(content));
    expect(await listed(storages.far, '/')).toEqual([{ path: '/mc/b', size: content.length }]);
    expect(await near.remove('/mc/a')).toBe('removed');
  });

  it('refuses a server whose certificate nobody vouches for', async () => {
    const url = `${servers.near.https}/store/round${rounds}`;
    const doubted = new WebDavStorage({ name: 'DOUBTED', url, capacity: 1e15 });
    await expect(doubted.check()).rejects.toThrow(/certificate/);
    const elsewhere = new WebDavStorage({
      ...{ name: 'ELSEWHERE', capacity: 1e15, ca: authority.certificate },
      url: url.replace('127.0.0.1', '127.0.0.2'),
    });
    await expect(elsewhere.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
  });
});

describe('a job wrapper with storages of WebDAV', () => {
  wrapperConformance(() => storages);
});
