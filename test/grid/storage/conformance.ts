import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { adler32 } from '../../../domain/adler32.js';
import type {
  Expected,
  StorageElement,
  StoredFile,
} from '../../../grid/storage/storage-element.js';

export const expectedOf = (content: string | Buffer): Expected => {
  const bytes = Buffer.from(content);
  return { size: bytes.length, adler32: adler32(bytes) };
};

export const put = (
  target: StorageElement,
  file: string,
  content: string | Buffer,
): Promise<void> => target.put(Readable.from([Buffer.from(content)]), file, expectedOf(content));

export async function listed(target: StorageElement, directory: string): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for await (const { path, size } of target.list(directory)) files.push({ path, size });
  return files;
}

async function contentOf(source: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of source as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

export const failsWith = (code: string): unknown => expect.objectContaining({ code });

/** What every kind of storage must do; `storages` gives two empty ones that are used by one test. */
export function storageConformance(
  storages: () => { near: StorageElement; far: StorageElement },
): void {
  it('gives back what was put, with size and checksum', async () => {
    const { near } = storages();
    await put(near, '/mc/sub00/a.root', 'content');
    expect(await near.stat('/mc/sub00/a.root')).toEqual({ path: '/mc/sub00/a.root', size: 7 });
    expect(await near.stat('/mc/sub00/a.root', { checksum: true })).toEqual({
      path: '/mc/sub00/a.root',
      ...expectedOf('content'),
    });
    expect(await contentOf(await near.read('/mc/sub00/a.root'))).toBe('content');
    expect((await listed(near, '/')).map((file) => file.path)).toEqual(['/mc/sub00/a.root']);
    expect(await near.stat('/mc/sub00/b.root')).toBeNull();
    expect(await near.stat('/mc/sub00')).toBeNull();
    await expect(near.read('/mc/none')).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
  });

  it('knows its own urls and no others', () => {
    const { near, far } = storages();
    const url = near.url('/mc/a.root');
    expect(near.pathOf(url)).toBe('/mc/a.root');
    expect(far.pathOf(url)).toBeNull();
    expect(near.pathOf('gsiftp://elsewhere/mc/a.root')).toBeNull();
  });

  it('streams files that are larger than its chunks, and copies them to another', async () => {
    const { near, far } = storages();
    const piece = Buffer.alloc(1_000_000, 'fabrica');
    const whole = Buffer.concat(Array.from({ length: 7 }, () => piece));
    const pieces = Readable.from(Array.from({ length: 7 }, () => piece));
    await near.put(pieces, '/big', expectedOf(whole));
    expect(await near.stat('/big', { checksum: true })).toMatchObject(expectedOf(whole));
    await far.copy(near, '/big', '/copied/big', expectedOf(whole));
    await far.copy(near, '/big', '/copied/big', expectedOf(whole));
    expect(await contentOf(await far.read('/copied/big'))).toBe(whole.toString());
    expect(await contentOf(await near.read('/big', 6_999_993))).toBe(whole.toString().slice(-7));
    await expect(far.copy(near, '/none', '/copied/none', expectedOf(''))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_UNREACHABLE'),
    );
    await expect(far.copy(near, '/big', '/other', expectedOf('other'))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_CHECKSUM'),
    );
    expect((await listed(far, '/')).map((file) => file.path)).toEqual(['/copied/big']);
  });

  it('leaves nothing of what arrives with another size or checksum, or not at all', async () => {
    const { near } = storages();
    const wrong = (content: string, expected: Expected): Promise<void> =>
      near.put(Readable.from([Buffer.from(content)]), '/a', expected);
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
    await expect(near.put(broken, '/a', expectedOf('content'))).rejects.toEqual(
      failsWith('FABRICA_STORAGE_UNREACHABLE'),
    );
    expect(await listed(near, '/')).toEqual([]);
  });

  it('never overwrites: the same content again is fine, another is refused', async () => {
    const { near } = storages();
    await put(near, '/a', 'content');
    await put(near, '/a', 'content');
    await expect(put(near, '/a', 'another')).rejects.toEqual(failsWith('FABRICA_STORAGE_EXISTS'));
    expect(await contentOf(await near.read('/a'))).toBe('content');
    expect(await listed(near, '/')).toEqual([{ path: '/a', size: 7 }]);
  });

  it('lets one of many that put different contents at the same time win', async () => {
    const { near } = storages();
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => put(near, '/new/a', `content ${i}`)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await listed(near, '/')).map((file) => file.path)).toEqual(['/new/a']);
  });

  it('removes files and trees, and says what was absent', async () => {
    const { near } = storages();
    await put(near, '/mc/x/a', '1');
    await put(near, '/mc/y/b', '2');
    await put(near, '/mcx', '3');
    expect(await near.remove('/mc/x/a')).toBe('removed');
    expect(await near.remove('/mc/x/a')).toBe('absent');
    await near.removeTree('/mc/none/deep');
    await near.removeTree('/mc');
    expect(await listed(near, '/')).toEqual([{ path: '/mcx', size: 1 }]);
  });

  it('looks for many files at once, and removes many', async () => {
    const { near } = storages();
    const paths = Array.from({ length: 40 }, (_, i) => `/mc/sub0${i % 3}/${i}`);
    for (const one of paths) await put(near, one, one);
    const asked = [...paths, '/mc/none'];
    const found = await near.statAll(asked, { checksum: true });
    expect(found).toEqual([...paths.map((one) => ({ path: one, ...expectedOf(one) })), null]);
    expect((await near.statAll(['/mc/none', '/mc/sub00/0']))[1]).toEqual({
      path: '/mc/sub00/0',
      size: '/mc/sub00/0'.length,
    });
    await near.removeAll([...paths.slice(1), '/mc/none']);
    expect((await listed(near, '/')).map((file) => file.path)).toEqual(['/mc/sub00/0']);
    expect(await near.statAll([])).toEqual([]);
    await expect(near.statAll(['/mc/sub00/0', '/../a'])).rejects.toEqual(
      failsWith('FABRICA_STORAGE_PATH'),
    );
  });

  it('stops looking for many files when it is told to', async () => {
    const { near } = storages();
    await put(near, '/a', 'content');
    const signal = AbortSignal.abort(new Error('not wanted'));
    await expect(near.statAll(['/a'], { signal })).rejects.toThrow('not wanted');
    await expect(near.removeAll(['/a'], { signal })).rejects.toThrow('not wanted');
    expect(await near.stat('/a')).not.toBeNull();
  });

  it('survives puts into directories that removals take away', async () => {
    const { near } = storages();
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        await put(near, `/shared/deep/${i}`, 'x');
        await near.remove(`/shared/deep/${i}`);
      }),
    );
    expect(await listed(near, '/')).toEqual([]);
  });

  it('lists all files below a directory, and nothing for what is not there', async () => {
    const { near } = storages();
    await put(near, '/mc/a', '1');
    await put(near, '/mc/deep/er/b', '22');
    await put(near, '/mc2/c', '333');
    expect(await listed(near, '/mc')).toEqual([
      { path: '/mc/a', size: 1 },
      { path: '/mc/deep/er/b', size: 2 },
    ]);
    expect(await listed(near, '/none')).toEqual([]);
    expect(await listed(near, '/mc/a')).toEqual([]);
  });

  it('lists in the order of the paths, after any of them', async () => {
    const { near } = storages();
    // A directory comes where its paths come: `-` and `.` sort before `/`, `0` after it.
    const paths = ['/mc/a', '/mc/b-c', '/mc/b.x/d', '/mc/b/-', '/mc/b/c/d', '/mc/b0', '/mc/b0-/e'];
    for (const file of [...paths].reverse()) await put(near, file, file);
    for (const [i, after] of ['', ...paths].entries()) {
      const found: string[] = [];
      for await (const file of near.list('/mc', after)) found.push(file.path);
      expect(found).toEqual(paths.slice(i));
    }
    const below: string[] = [];
    for await (const file of near.list('/', '/mc/b/b')) below.push(file.path);
    expect(below).toEqual(paths.slice(4));
  });

  it('tells how much room it has', async () => {
    const { near } = storages();
    const { total, free } = await near.space();
    expect(free).toBeGreaterThan(0);
    expect(free).toBeLessThanOrEqual(total);
    await expect(near.check()).resolves.toBeUndefined();
  });

  it.each([
    ['a relative path', 'mc/a'],
    ['nothing', ''],
    ['a parent', '/mc/../a'],
    ['a dot', '/./a'],
    ['an empty segment', '/mc//a'],
    ['a slash at its end', '/mc/'],
    ['NUL', '/a\0b'],
    ['a very long name', `/${'a'.repeat(256)}`],
  ])('refuses a path with %s everywhere', async (_what, bad) => {
    const { near } = storages();
    const refusal = failsWith('FABRICA_STORAGE_PATH');
    await expect(put(near, bad, 'x')).rejects.toEqual(refusal);
    await expect(near.stat(bad)).rejects.toEqual(refusal);
    await expect(near.read(bad)).rejects.toEqual(refusal);
    await expect(near.remove(bad)).rejects.toEqual(refusal);
    await expect(near.removeTree(bad)).rejects.toEqual(refusal);
    await expect(listed(near, bad)).rejects.toEqual(refusal);
    expect(() => near.url(bad)).toThrow(refusal);
  });

  it.each([
    ['a newline', '/a\nb'],
    ['a control character', '/a\u0007'],
  ])(
    'takes no path with %s, but looks at and removes what others have put there',
    async (_, bad) => {
      const { near } = storages();
      const refusal = failsWith('FABRICA_STORAGE_PATH');
      await expect(put(near, bad, 'x')).rejects.toEqual(refusal);
      await expect(near.read(bad)).rejects.toEqual(refusal);
      await expect(near.removeTree(bad)).rejects.toEqual(refusal);
      expect(() => near.url(bad)).toThrow(refusal);
      expect(await near.stat(bad)).toBeNull();
      expect(await near.remove(bad)).toBe('absent');
    },
  );
}

/** What a storage of a server must do when that dies; `near` is of `server`, and `far` of another one. */
export function outageConformance(
  storages: () => { near: StorageElement; far: StorageElement },
  server: () => { kill(): Promise<void>; start(): Promise<void> },
): void {
  it('is unreachable while its server is gone, in the middle of anything, and then goes on', async () => {
    const { far, near } = storages();
    const big = Buffer.alloc(20_000_000, 'fabrica');
    await put(near, '/mc/a', 'content');
    await put(near, '/mc/big', big);
    const refusal = failsWith('FABRICA_STORAGE_UNREACHABLE');
    const read = async () => {
      for await (const piece of await near.read('/mc/big')) expect(piece).toBeInstanceOf(Buffer);
    };
    const copying = far.copy(near, '/mc/big', '/mc/big', expectedOf(big));
    const broken = Promise.allSettled([copying, read()]);
    await server().kill();
    await broken;
    await expect(near.check()).rejects.toEqual(refusal);
    await expect(near.stat('/mc/a')).rejects.toEqual(refusal);
    await expect(near.statAll(['/mc/a', '/mc/b'])).rejects.toEqual(refusal);
    await expect(put(near, '/mc/b', 'x')).rejects.toEqual(refusal);
    await expect(near.read('/mc/a')).rejects.toEqual(refusal);
    await expect(near.remove('/mc/a')).rejects.toEqual(refusal);
    await expect(near.removeAll(['/mc/a', '/mc/b'])).rejects.toEqual(refusal);
    await expect(near.removeTree('/mc')).rejects.toEqual(refusal);
    await expect(listed(near, '/')).rejects.toEqual(refusal);
    await expect(near.space()).rejects.toEqual(refusal);
    await server().start();
    await near.check();
    expect(await near.stat('/mc/a', { checksum: true })).toMatchObject(expectedOf('content'));
    await far.copy(near, '/mc/big', '/mc/big', expectedOf(big));
    expect(await far.stat('/mc/big', { checksum: true })).toMatchObject(expectedOf(big));
    expect(await listed(far, '/')).toHaveLength(1);
  });
}
