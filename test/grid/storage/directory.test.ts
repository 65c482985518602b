import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adler32 } from '../../../domain/adler32.js';
import { DirectoryStorage, prepareDirectoryStorage } from '../../../grid/storage/directory.js';
import { createStorageElements } from '../../../grid/storage/storage-elements.js';
import type { Expected, StoredFile } from '../../../grid/storage/storage-element.js';

let folder: string;
let mounts: string[];
let storage: DirectoryStorage;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-directory-'));
  mounts = [];
  await prepareDirectoryStorage(at('near'));
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

const expectedOf = (content: string | Buffer): Expected => {
  const bytes = Buffer.from(content);
  return { size: bytes.length, adler32: adler32(bytes) };
};

const put = (target: DirectoryStorage, file: string, content: string | Buffer): Promise<void> =>
  target.put(Readable.from([Buffer.from(content)]), file, expectedOf(content));

async function listed(target: DirectoryStorage, directory: string): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for await (const file of target.list(directory)) files.push(file);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function contentOf(source: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of source as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const everything = (): string[] =>
  readdirSync(at('near'), { recursive: true, encoding: 'utf8' }).sort();

const failsWith = (code: string): unknown => expect.objectContaining({ code });

describe('a directory storage', () => {
  it('gives back what was put, with size and checksum', async () => {
    await put(storage, '/mc/sub00/a.root', 'content');
    expect(await storage.stat('/mc/sub00/a.root')).toEqual({ path: '/mc/sub00/a.root', size: 7 });
    expect(await storage.stat('/mc/sub00/a.root', { checksum: true })).toEqual({
      path: '/mc/sub00/a.root',
      ...expectedOf('content'),
    });
    expect(await contentOf(await storage.read('/mc/sub00/a.root'))).toBe('content');
    expect(everything()).toEqual(['mc', 'mc/sub00', 'mc/sub00/a.root']);
    expect(await storage.stat('/mc/sub00/b.root')).toBeNull();
    expect(await storage.stat('/mc/sub00')).toBeNull();
    await expect(storage.read('/mc/none')).rejects.toEqual(
      failsWith('FABRICA_STORAGE_UNREACHABLE'),
    );
    expect(storage.url('/mc/a')).toBe(`file:${at('near')}//mc/a`);
  });

  it('streams files that are larger than its chunks', async () => {
    const piece = Buffer.alloc(1_000_000, 'fabrica');
    const whole = Buffer.concat(Array.from({ length: 7 }, () => piece));
    const pieces = Readable.from(Array.from({ length: 7 }, () => piece));
    await storage.put(pieces, '/big', expectedOf(whole));
    expect(await storage.stat('/big', { checksum: true })).toMatchObject(expectedOf(whole));
    const far = new DirectoryStorage({ name: 'FAR', root: at('far') });
    await prepareDirectoryStorage(at('far'));
    await far.copy(storage, '/big', '/copied/big', expectedOf(whole));
    expect(readFileSync(at('far', 'copied', 'big')).equals(whole)).toBe(true);
  });

  it('leaves nothing of what arrives with another size or checksum, or not at all', async () => {
    const wrong = (content: string, expected: Expected): Promise<void> =>
      storage.put(Readable.from([Buffer.from(content)]), '/a', expected);
    await expect(wrong('content', expectedOf('contenT'))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_CHECKSUM'),
    );
    await expect(wrong('conten', expectedOf('content'))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_CHECKSUM'),
    );
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('con');
        throw new Error('connection lost');
      })(),
    );
    await expect(storage.put(broken, '/a', expectedOf('content'))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_UNREACHABLE'),
    );
    expect(everything()).toEqual([]);
  });

  it('never overwrites: the same content again is fine, another is refused', async () => {
    await put(storage, '/a', 'content');
    await put(storage, '/a', 'content');
    await expect(put(storage, '/a', 'another')).rejects.toEqual(
      failsWith('FABRICA_STORAGE_EXISTS'),
    );
    expect(readFileSync(at('near', 'a'), 'utf8')).toBe('content');
    expect(everything()).toEqual(['a']);
  });

  it('lets one of many that put different contents at the same time win', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => put(storage, '/new/a', `content ${i}`)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(everything()).toEqual(['new', 'new/a']);
  });

  it('removes files with the directories they leave empty, and trees, and says what was absent', async () => {
    await put(storage, '/mc/x/a', '1');
    await put(storage, '/mc/y/b', '2');
    expect(await storage.remove('/mc/x/a')).toBe('removed');
    expect(everything()).toEqual(['mc', 'mc/y', 'mc/y/b']);
    expect(await storage.remove('/mc/x/a')).toBe('absent');
    await storage.removeTree('/mc/none/deep');
    await storage.removeTree('/mc');
    expect(everything()).toEqual([]);
    expect(existsSync(at('near'))).toBe(true);
  });

  it('survives puts into directories that removals take away', async () => {
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        await put(storage, `/shared/deep/${i}`, 'x');
        await storage.remove(`/shared/deep/${i}`);
      }),
    );
    expect(await listed(storage, '/')).toEqual([]);
  });

  it('lists all files below a directory, unfinished ones too, and nothing for what is not there', async () => {
    await put(storage, '/mc/a', '1');
    await put(storage, '/mc/deep/er/b', '22');
    writeFileSync(at('near', 'mc', '.part-x-c'), '333');
    symlinkSync(at('near', 'mc'), at('near', 'mc', 'loop'));
    expect(await listed(storage, '/mc')).toEqual([
      { path: '/mc/.part-x-c', size: 3 },
      { path: '/mc/a', size: 1 },
      { path: '/mc/deep/er/b', size: 2 },
    ]);
    expect(await listed(storage, '/none')).toEqual([]);
    expect(await listed(storage, '/mc/a')).toEqual([]);
  });

  it.each([
    ['a relative path', 'mc/a'],
    ['nothing', ''],
    ['a parent', '/mc/../a'],
    ['a dot', '/./a'],
    ['an empty segment', '/mc//a'],
    ['a slash at its end', '/mc/'],
    ['NUL', '/a\0b'],
    ['a newline', '/a\nb'],
    ['a control character', '/a\u0007'],
    ['a very long name', `/${'a'.repeat(256)}`],
  ])('refuses a path with %s everywhere', async (_what, bad) => {
    const refusal = failsWith('FABRICA_STORAGE_PATH');
    await expect(put(storage, bad, 'x')).rejects.toEqual(refusal);
    await expect(storage.stat(bad)).rejects.toEqual(refusal);
    await expect(storage.read(bad)).rejects.toEqual(refusal);
    await expect(storage.remove(bad)).rejects.toEqual(refusal);
    await expect(storage.removeTree(bad)).rejects.toEqual(refusal);
    await expect(listed(storage, bad)).rejects.toEqual(refusal);
    expect(() => storage.url(bad)).toThrow(refusal);
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
