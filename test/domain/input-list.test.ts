import { describe, expect, it } from 'vitest';
import {
  firstProblems,
  LIST_BEGIN,
  partOfList,
  type ListedFile,
  type ListPlace,
} from '../../domain/input-list.js';

/** Pieces of a text, and how many bytes of them were taken. */
class Pieces {
  taken = 0;
  readonly #text: Buffer;
  readonly #size: number;

  constructor(text: string, size: number) {
    this.#text = Buffer.from(text);
    this.#size = size;
  }

  async *from(offset: number): AsyncGenerator<Uint8Array> {
    for (let at = offset; at < this.#text.length; at += this.#size) {
      const piece = this.#text.subarray(at, at + this.#size);
      this.taken += piece.length;
      yield await Promise.resolve(piece);
    }
  }
}

async function inParts(pieces: Pieces, size: number): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  let place: ListPlace | null = LIST_BEGIN;
  while (place !== null) {
    const part: Awaited<ReturnType<typeof partOfList>> = await partOfList(
      pieces.from(place.offset),
      place,
      size,
    );
    files.push(...part.files);
    place = part.next;
  }
  return files;
}

const WRITTEN = '\ufeff/mc/a\r\n\r\n# comment\n \t\n  /mc/b \nno lfn\n\n/mc/\u00e9\n/mc/c';

describe('a list of input files', () => {
  it.each([1, 3, 7, 1000])(
    'keeps the numbers of its lines whatever is between them, in pieces of %d bytes',
    async (piece) => {
      for (const size of [1, 10, Infinity]) {
        expect(await inParts(new Pieces(WRITTEN, piece), size), String(size)).toEqual([
          { line: 1, lfn: '/mc/a' },
          { line: 5, lfn: '/mc/b' },
          { line: 6, lfn: '"no lfn"' },
          { line: 8, lfn: '"/mc/\u00c3\u00a9"' },
          { line: 9, lfn: '/mc/c' },
        ]);
      }
    },
  );

  it('is read no further than its part, and in one go to its end', async () => {
    const lines = Array.from({ length: 10_000 }, (_, i) => `/mc/${i}\n`).join('');
    const some = new Pieces(lines, 100);
    await partOfList(some.from(0), LIST_BEGIN, 1000);
    expect(some.taken).toBeLessThan(1300);
    const parts = new Pieces(lines, 100);
    expect(await inParts(parts, 5000)).toHaveLength(10_000);
    expect(parts.taken).toBeLessThan(1.1 * lines.length);
  });

  it('of one endless line holds no LFN, and costs no memory', async () => {
    const [only, ...others] = await inParts(new Pieces(`/${'x'.repeat(1_000_000)}`, 5000), 1000);
    expect(others).toEqual([]);
    expect(only?.lfn).toMatch(/^"\/x+\.\.\."$/);
  });

  it('with many faults tells the first ones, and how many more there are', () => {
    const told = firstProblems(
      Array.from({ length: 20 }, (_, i) => `line ${i + 1}`),
      1254,
    );
    expect(told.split('\n')).toHaveLength(21);
    expect(told).toMatch(/ {2}and 1,234 more$/);
  });
});
