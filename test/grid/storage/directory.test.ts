import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryStorage, prepareDirectoryStorage } from '../../../grid/storage/directory.js';
import { createStorageElements } from '../../../grid/storage/storage-elements.js';
import { failsWith, listed, put, storageConformance } from './conformance.js';

let folder: string;
let mounts: string[];
let storage: DirectoryStorage;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-directory-'));
  mounts = [];
  await prepareDirectoryStorage(at('near'));
  await prepareDirectoryStorage(at('far'));
  storage = new DirectoryStorage({ name: 'NEAR', root: at('near') });
});

afterEach(() => {
  for (const mount of mounts) execFileSync('umount', [mount]);
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]): string => path.join(folder, ...names);

function mount(name: string, ...options: string[]): DirectoryStorage {
  mkdirSync(at(name));
  execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'none', at(name)]);
  mounts.push(at(name));
  return new DirectoryStorage({ name: name.toUpperCase(), root: at(name) });
}

const everything = (): string[] =>
  readdirSync(at('near'), { recursive: true, encoding: 'utf8' }).sort();

describe('a directory storage', () => {
  storageConformance(() => ({
    near: storage,
    far: new DirectoryStorage({ name: 'FAR', root: at('far') }),
  }));

  it('gives urls that tell the root from the path', () => {
    expect(storage.url('/mc/a')).toBe(`file:${at('near')}//mc/a`);
  });

  it('removes files with the directories they leave empty, but not its root', async () => {
    await put(storage, '/mc/x/a', '1');
    await put(storage, '/mc/y/b', '2');
    await storage.remove('/mc/x/a');
    expect(everything()).toEqual(['mc', 'mc/y', 'mc/y/b']);
    await storage.removeTree('/mc');
    expect(everything()).toEqual([]);
    expect(existsSync(at('near'))).toBe(true);
  });

  it('lists in the order of the paths however many names of a directory it holds', async () => {
    const part = fc.constantFrom('a', 'b', 'ab', 'a-', 'a.b', 'a0', '_', '0');
    const trees = fc.uniqueArray(fc.array(part, { minLength: 1, maxLength: 4 }), {
      selector: (parts) => parts.join('/'),
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(trees, fc.integer({ min: 1, max: 4 }), fc.nat(), async (tree, names, n) => {
        rmSync(at('near', 'tree'), { recursive: true, force: true });
        for (const parts of tree) {
          const folder = at('near', 'tree', ...parts.slice(0, -1).map((name) => `${name}+`));
          mkdirSync(folder, { recursive: true });
          writeFileSync(path.join(folder, parts.at(-1) ?? ''), '');
        }
        const all = tree
          .map(
            (parts) =>
              `/tree/${parts.map((p, i) => (i < parts.length - 1 ? `${p}+` : p)).join('/')}`,
          )
          .sort();
        const few = new DirectoryStorage({ name: 'NEAR', root: at('near'), namesAtOnce: names });
        const from = n % (all.length + 1);
        const found: string[] = [];
        for await (const file of few.list('/tree', all[from - 1] ?? '')) found.push(file.path);
        expect(found).toEqual(all.slice(from));
      }),
      { numRuns: 150 },
    );
  });

  it('tells when a file was written', async () => {
    await put(storage, '/mc/a', '1');
    for await (const { modifiedAt } of storage.list('/mc')) {
      expect(modifiedAt).toBeGreaterThan(Date.now() - 60_000);
      expect(modifiedAt).toBeLessThanOrEqual(Date.now());
    }
  });

  it('lists unfinished files too, and follows no links', async () => {
    await put(storage, '/mc/a', '1');
    writeFileSync(at('near', 'mc', '.part-x-c'), '333');
    symlinkSync(at('near', 'mc'), at('near', 'mc', 'loop'));
    expect(await listed(storage, '/mc')).toEqual([
      { path: '/mc/.part-x-c', size: 3 },
      { path: '/mc/a', size: 1 },
    ]);
  });

  it('does not follow a link that leaves its root, but one that stays within', async () => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside', 'a'), 'secret');
    symlinkSync(at('outside'), at('near', 'out'));
    symlinkSync(at('outside', 'a'), at('near', 'a'));
    const refusal = failsWith('FABRICA_STORAGE_PATH');
    await expect(put(storage, '/out/b', 'x')).rejects.toEqual(refusal);
    await expect(put(storage, '/out/deep/er/b', 'x')).rejects.toEqual(refusal);
    await expect(storage.read('/a')).rejects.toEqual(refusal);
    await expect(storage.stat('/out/a')).rejects.toEqual(refusal);
    await expect(storage.remove('/out/a')).rejects.toEqual(refusal);
    await expect(storage.removeTree('/out/a')).rejects.toEqual(refusal);
    expect(readdirSync(at('outside'))).toEqual(['a']);
    await put(storage, '/real/a', 'x');
    symlinkSync('real', at('near', 'link'));
    expect(await storage.stat('/link/a')).toMatchObject({ size: 1 });
  });

  it('is unreachable, and makes nothing, when its root has gone', async () => {
    await put(storage, '/a', 'x');
    renameSync(at('near'), at('elsewhere'));
    const refusal = failsWith('FABRICA_STORAGE_UNREACHABLE');
    await expect(storage.check()).rejects.toEqual(refusal);
    await expect(put(storage, '/b/c', 'x')).rejects.toEqual(refusal);
    await expect(storage.stat('/a')).rejects.toEqual(refusal);
    await expect(storage.remove('/a')).rejects.toEqual(refusal);
    await expect(storage.removeTree('/a')).rejects.toEqual(refusal);
    await expect(storage.space()).rejects.toEqual(refusal);
    await expect(listed(storage, '/')).rejects.toEqual(refusal);
    expect(existsSync(at('near'))).toBe(false);
    renameSync(at('elsewhere'), at('near'));
    await expect(storage.check()).resolves.toBeUndefined();
    expect(everything()).toEqual(['a']);
  });

  it('leaves nothing of its checks, and removes what a killed one has left', async () => {
    writeFileSync(at('near', '.part-0123456789ab-check'), 'x');
    writeFileSync(at('near', '.part-ba9876543210-check'), 'x');
    const old = Date.now() / 1000 - 3600;
    utimesSync(at('near', '.part-0123456789ab-check'), old, old);
    await storage.check();
    // The other may be just another process's.
    expect(everything()).toEqual(['.part-ba9876543210-check']);
  });

  it('removes what killed writers of a file have left, with its next writer or when it is removed', async () => {
    const left = (name: string): void => {
      mkdirSync(at('near', 'mc'), { recursive: true });
      writeFileSync(at('near', 'mc', `.part-0123456789ab-${name}`), 'x');
    };
    left('a');
    left('b');
    left('aa');
    await put(storage, '/mc/a', '1');
    expect(everything()).toEqual([
      'mc',
      'mc/.part-0123456789ab-aa',
      'mc/.part-0123456789ab-b',
      'mc/a',
    ]);
    left('a');
    await put(storage, '/mc/a', '1');
    expect(await storage.remove('/mc/b')).toBe('absent');
    expect(everything()).toEqual(['mc', 'mc/.part-0123456789ab-aa', 'mc/a']);
    left('a');
    await storage.removeAll(['/mc/a', '/mc/aa', '/none/a']);
    expect(everything()).toEqual([]);
  });

  it('says that it is full, or read-only', async () => {
    const tiny = mount('tiny', 'size=64k');
    await expect(put(tiny, '/a', Buffer.alloc(200_000))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_FULL'),
    );
    expect(await listed(tiny, '/')).toEqual([]);
    expect(await tiny.space()).toMatchObject({ total: 65_536 });
    const locked = mount('locked', 'size=64k', 'ro');
    await expect(locked.check()).rejects.toEqual(failsWith('FABRICA_STORAGE_READONLY'));
    await expect(put(locked, '/a', 'x')).rejects.toEqual(failsWith('FABRICA_STORAGE_READONLY'));
  });
});

describe('the storages of a process', () => {
  it('are found by name', () => {
    const storages = createStorageElements([
      { name: 'NEAR', kind: 'directory', root: at('near') },
      { name: 'FAR', kind: 'directory', root: at('far') },
    ]);
    expect(storages.names()).toEqual(['NEAR', 'FAR']);
    expect(storages.has('FAR')).toBe(true);
    expect(storages.get('NEAR')).toMatchObject({ name: 'NEAR', kind: 'directory' });
    expect(() => storages.get('NONE')).toThrow(failsWith('FABRICA_STORAGE_UNKNOWN'));
  });
});
