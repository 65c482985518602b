import { spawn } from 'node:child_process';
import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { XRootDStorage } from '../../grid/storage/xrootd/storage.js';
import { wrapperConformance, type ReachedStorages } from '../grid/compute/wrapper-conformance.js';
import {
  expectedOf,
  failsWith,
  listed,
  outageConformance,
  put,
  storageConformance,
} from '../grid/storage/conformance.js';
import { certificateAuthority, type Authority } from '../servers/certificates.js';
import { startXRootD, type XRootDServer } from '../servers/xrootd.js';

let servers: { near: XRootDServer; far: XRootDServer };
let rounds = 0;
let storages: ReachedStorages;

let authority: Authority;
beforeAll(async () => {
  authority = certificateAuthority();
  servers = { near: await startXRootD(authority), far: await startXRootD(authority) };
  console.log(`XRootD ${servers.near.version}`);
});
afterAll(async () => {
  authority.end();
  await servers.near.end();
  await servers.far.end();
});
beforeEach(() => {
  rounds++;
  storages = {
    near: storageOn('NEAR', servers.near),
    far: storageOn('FAR', servers.far),
    dead: new XRootDStorage({ name: 'DEAD', url: 'root://127.0.0.1:9//store' }),
  };
});

/** A storage of its own in a new directory of a server. */
function storageOn(name: string, { directory, origin }: XRootDServer): XRootDStorage {
  directory(`round${rounds}`);
  return new XRootDStorage({ name, url: `${origin}/store/round${rounds}` });
}

/** Gives a file to the user of the server. */
function own(file: string, folder: string): void {
  const { gid, uid } = statSync(folder);
  chownSync(file, uid, gid);
}

const onDisk = (...names: string[]): string =>
  path.join(servers.near.folder, `round${rounds}`, ...names);

describe('a storage of XRootD', () => {
  storageConformance(() => storages);
  outageConformance(
    () => storages,
    () => servers.near,
  );

  it('shows no file before its writer has closed it, and none of one that has gone', async () => {
    const { near } = storages;
    const writer = spawn('xrdcp', ['-s', '-N', '--posc', '-', near.url('/mc/a')], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    writer.stdin.write('con');
    await expect.poll(() => listed(near, '/')).toEqual([{ path: '/mc/a', size: 0 }]);
    expect(await near.stat('/mc/a')).toBeNull();
    expect(await near.statAll(['/mc/a', '/mc/b'], { checksum: true })).toEqual([null, null]);
    await expect(near.read('/mc/a')).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
    await expect(put(near, '/mc/a', 'content')).rejects.toEqual(
      failsWith('FABRICA_STORAGE_UNREACHABLE'),
    );
    const ended = new Promise((resolve) => writer.once('close', resolve));
    writer.stdin.end('tent');
    await ended;
    await put(near, '/mc/a', 'content');
    expect(await near.stat('/mc/a', { checksum: true })).toMatchObject(expectedOf('content'));
  });

  it('looks at, lists and removes what others have named oddly', async () => {
    const { near } = storages;
    const folder = servers.near.directory(`round${rounds}/odd`);
    const names = ['a b', 'é', `it's`, '$(id)', 'a\\b', '"quoted"', 'a;b', '-l'].sort();
    for (const name of names) {
      writeFileSync(path.join(folder, name), name);
      own(path.join(folder, name), servers.near.folder);
    }
    const paths = names.map((name) => `/odd/${name}`);
    expect((await listed(near, '/')).map((file) => file.path)).toEqual(paths);
    expect(await near.statAll(paths)).toEqual(
      paths.map((one, i) => ({ path: one, size: Buffer.byteLength(names[i] ?? '') })),
    );
    await near.removeAll(paths.slice(1));
    expect(await near.remove(paths[0] ?? '')).toBe('removed');
    expect(await listed(near, '/')).toEqual([]);
  });

  it('refuses to write where it may not', async () => {
    const { near } = storages;
    mkdirSync(onDisk('locked'));
    await expect(put(near, '/locked/a', 'x')).rejects.toEqual(
      failsWith('FABRICA_STORAGE_READONLY'),
    );
    const elsewhere = new XRootDStorage({ name: 'ELSEWHERE', url: `${servers.near.origin}/etc` });
    await expect(elsewhere.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_READONLY'));
    const missing = new XRootDStorage({
      name: 'MISSING',
      url: `${servers.near.origin}/store/none`,
    });
    await expect(missing.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
  });
});

describe('a job wrapper with storages of XRootD', () => {
  wrapperConformance(() => storages);
});
