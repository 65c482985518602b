import { MockActivityEnvironment } from '@temporalio/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { pack } from '../../../activities/packed.js';
import {
  createStorageActivities,
  type PathToRemove,
  type StorageProblem,
  type StoredExpectation,
} from '../../../activities/storage/index.js';
import { systemClock } from '../../../domain/clock.js';
import { silentLog } from '../../../domain/log.js';
import { DirectoryStorage } from '../../../grid/storage/directory.js';
import { SimulatedStorage } from '../../../grid/simulated/storage.js';
import type { StorageElement } from '../../../grid/storage/storage-element.js';
import { expectedOf, listed, put } from '../../grid/storage/conformance.js';
import { storagesOf } from '../../grid/simulated/storages-of.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

const KINDS: Record<string, () => StorageElement> = {
  directory: () => new DirectoryStorage({ name: 'DISK', root: temporaryFolder() }),
  simulated: () =>
    new SimulatedStorage({
      ...{ name: 'DISK', folder: temporaryFolder(), capacity: 1e9, readOnly: false },
      ...{ slowness: 0, lies: 0, outages: [], speed: 1, clock: systemClock },
    }),
};

describe.each(Object.keys(KINDS))('many files of a %s storage', (kind) => {
  let storage: StorageElement;
  beforeEach(() => {
    const made = KINDS[kind];
    if (made === undefined) throw new Error(kind);
    storage = made();
  });

  const activitiesOf = (element: StorageElement) =>
    createStorageActivities({ storages: storagesOf(element), clock: systemClock, log: silentLog });

  function verified(files: readonly StoredExpectation[]): Promise<StorageProblem[]> {
    const { verifyPage } = activitiesOf(storage);
    const input = { storage: 'DISK', count: files.length, files: pack(files) };
    return new MockActivityEnvironment().run(verifyPage, input);
  }

  function removed(paths: readonly PathToRemove[], element = storage): Promise<void> {
    const { removePage } = activitiesOf(element);
    const input = { storage: 'DISK', count: paths.length, files: pack(paths) };
    return new MockActivityEnvironment().run(removePage, input);
  }

  it('are verified, each problem told of its own file', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `/mc/${i}`);
    for (const name of names) await put(storage, name, name);
    const files = names.map((name) => ({ path: name, ...expectedOf(name) }));
    expect(await verified(files)).toEqual([]);
    const wrong = [
      ...files,
      { path: '/mc/none', ...expectedOf('x') },
      { path: '/mc/7', ...expectedOf('longer than it is') },
      { path: '/mc/8', ...expectedOf('/mc/9') },
    ];
    expect((await verified(wrong)).map(({ path, problem }) => [path, problem])).toEqual([
      ['/mc/none', 'missing'],
      ['/mc/7', 'size'],
      ['/mc/8', 'checksum'],
    ]);
  });

  it('are removed with trees among them, also such as are not there', async () => {
    for (const name of ['/mc/a', '/mc/b', '/claims/0/1.1', '/claims/1/1000.1', '/kept/c']) {
      await put(storage, name, name);
    }
    await removed([
      { path: '/mc/a', shape: 'file' },
      { path: '/claims', shape: 'tree' },
      { path: '/mc/b', shape: 'file' },
      { path: '/mc/none', shape: 'file' },
    ]);
    expect((await listed(storage, '/')).map(({ path }) => path)).toEqual(['/kept/c']);
  });

  it('are not called removed by a storage that keeps one', async () => {
    for (const name of ['/mc/a', '/mc/b']) await put(storage, name, name);
    const keeps = new Proxy(storage, {
      get: (target, property) => {
        if (property === 'removeAll') return () => target.removeAll(['/mc/a']);
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const both = ['/mc/a', '/mc/b'].map((path) => ({ path, shape: 'file' as const }));
    await expect(removed(both, keeps)).rejects.toMatchObject({
      type: 'FABRICA_STORAGE_UNREACHABLE',
      message: expect.stringContaining('/mc/b is still on DISK') as string,
    });
  });

  it('stop being verified when nobody wants it any more', async () => {
    await put(storage, '/a', 'x');
    const environment = new MockActivityEnvironment();
    environment.cancel();
    const input = { storage: 'DISK', files: [{ path: '/a', ...expectedOf('x') }] };
    await expect(environment.run(activitiesOf(storage).verifyFiles, input)).rejects.toThrow();
  });
});
