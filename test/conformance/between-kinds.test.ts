import { afterAll, beforeAll, expect, it } from 'vitest';
import { DirectoryStorage } from '../../grid/storage/directory.js';
import { S3Storage } from '../../grid/storage/s3/storage.js';
import type { StorageElement } from '../../grid/storage/storage-element.js';
import { WebDavStorage } from '../../grid/storage/webdav/storage.js';
import { XRootDStorage } from '../../grid/storage/xrootd/storage.js';
import { expectedOf, failsWith, listed, put } from '../grid/storage/conformance.js';
import { certificateAuthority, type Authority } from '../servers/certificates.js';
import { startVersitygw, type S3Server } from '../servers/versitygw.js';
import { startXRootD, type XRootDServer } from '../servers/xrootd.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

let authority: Authority;
let xrootd: XRootDServer;
let s3: S3Server;
const storages: StorageElement[] = [];

beforeAll(async () => {
  authority = certificateAuthority();
  xrootd = await startXRootD(authority);
  s3 = await startVersitygw();
  for (const name of ['xrootd', 'webdav']) xrootd.directory(name);
  s3.bucket('bucket');
  const read = () => Promise.resolve(s3.keys);
  const http = xrootd.https.replace('https:', 'http:');
  storages.push(
    new DirectoryStorage({ name: 'DIRECTORY', root: temporaryFolder() }),
    new XRootDStorage({ name: 'XROOTD', url: `${xrootd.origin}/store/xrootd` }),
    new WebDavStorage({ name: 'WEBDAV', url: `${http}/store/webdav`, capacity: 1e15 }),
    new S3Storage({
      ...{ name: 'S3', url: `${s3.origin}/bucket`, region: 'us-east-1', capacity: 1e15 },
      ...{ credential: { kind: 's3', name: 'keys', read }, partSize: 5 * 1024 * 1024 },
    }),
  );
});
afterAll(async () => {
  await xrootd.end();
  await s3.end();
  authority.end();
});

it('files go from storages of each kind to those of each other, and back', async () => {
  const content = Buffer.alloc(11_000_000, 'fabrica');
  for (const source of storages) {
    await put(source, '/from/here', content);
    await put(source, '/from/empty', '');
    for (const target of storages.filter((one) => one !== source)) {
      const path = `/from/${source.name}`;
      await target.copy(source, '/from/here', path, expectedOf(content));
      await target.copy(source, '/from/here', path, expectedOf(content));
      expect(await target.stat(path, { checksum: true })).toMatchObject(expectedOf(content));
      await target.copy(source, '/from/empty', `${path}.empty`, expectedOf(''));
      const wrong = target.copy(source, '/from/here', `${path}.wrong`, expectedOf('wrong'));
      await expect(wrong).rejects.toEqual(failsWith('FABRICA_STORAGE_CHECKSUM'));
      const none = target.copy(source, '/from/none', `${path}.none`, expectedOf(content));
      await expect(none).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
    }
  }
  for (const storage of storages) expect(await listed(storage, '/')).toHaveLength(8);
});
