import { describe, expect, it } from 'vitest';
import { VERIFIED_AT_ONCE, verificationPage } from '../../../activities/control/verification.js';

/** Bytes. */
const FILE = 50e9;

/** Copies of files, each on storages that take turns. */
function replicas(files: number, copies: number, storages: number, size: number) {
  return Array.from({ length: files * copies }, (_, i) => ({
    file: 1 + Math.floor(i / copies),
    storage: `S${i % storages}`,
    path: `/f${i}`,
    lfn: `/f${i}`,
    job: i,
    adler32: '00000001',
    size,
  }));
}

const sizes = (page: ReturnType<typeof verificationPage>): number[] =>
  page.batches.map(({ count }) => count);

describe('a page of files to verify', () => {
  it('is the last if there are fewer than were asked for', () => {
    const page = verificationPage(replicas(10, 2, 4, 1));
    expect(sizes(page)).toEqual([5, 5, 5, 5]);
    expect(page.next).toBeNull();
    expect(verificationPage([])).toEqual({ batches: [], next: null });
  });

  it('goes on after its last file', () => {
    expect(verificationPage(replicas(VERIFIED_AT_ONCE, 1, 2, 1)).next).toBe(VERIFIED_AT_ONCE);
  });

  it('has so many bytes on each storage as one reads in a while, however many storages there are', () => {
    const one = verificationPage(replicas(100, 1, 1, FILE));
    expect(sizes(one)).toEqual([5]);
    expect(one.next).toBe(5);
    const ten = verificationPage(replicas(100, 1, 10, FILE));
    expect(sizes(ten)).toEqual([5, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
    expect(ten.next).toBe(41);
  });

  it('has no file without all of its copies, and one at least', () => {
    const page = verificationPage(replicas(100, 3, 3, FILE));
    expect(sizes(page)).toEqual([5, 5, 5]);
    expect(sizes(verificationPage(replicas(2, 1, 1, 1e15)))).toEqual([1]);
  });
});
