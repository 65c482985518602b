import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import {
  memberPart,
  membersOf,
  packed,
  type ArchiveMember,
} from '../../../grid/storage/log-archive.js';

async function* of(...members: ArchiveMember[]): AsyncGenerator<ArchiveMember> {
  yield* members;
}

const member = (name: string, content: string | Buffer): ArchiveMember => ({
  name,
  content: Buffer.from(content as string),
});

const BIG = Buffer.alloc(3_000_000, 'a line of a log\n');

describe('an archive of logs', () => {
  const members = [member('1.1.log', 'one\n'), member('2.1.log', ''), member('3.2.log', BIG)];

  it('is what tar and gzip understand', async () => {
    const archive = await buffer(packed(of(...members)));
    const list = execFileSync('tar', ['tzf', '-'], { input: archive }).toString();
    expect(list.trim().split('\n')).toEqual(['1.1.log', '2.1.log', '3.2.log']);
    const third = execFileSync('tar', ['xzOf', '-', '3.2.log'], {
      input: archive,
      maxBuffer: 10_000_000,
    });
    expect(third.equals(BIG)).toBe(true);
  });

  it('is the same each time', async () => {
    const first = await buffer(packed(of(...members)));
    expect(first.equals(await buffer(packed(of(...members))))).toBe(true);
  });

  it('tells its members, and the ends of each', async () => {
    const archive = await buffer(packed(of(...members)));
    expect(await membersOf(Readable.from([archive]))).toEqual(['1.1.log', '2.1.log', '3.2.log']);
    const part = async (name: string, which: 'head' | 'tail', bytes: number) => {
      const found = await memberPart(Readable.from([archive]), name, which, bytes);
      return found === null ? null : [found.content.toString(), found.size];
    };
    expect(await part('1.1.log', 'head', 2)).toEqual(['on', 4]);
    expect(await part('1.1.log', 'tail', 2)).toEqual(['e\n', 4]);
    expect(await part('1.1.log', 'tail', 9)).toEqual(['one\n', 4]);
    expect(await part('2.1.log', 'tail', 9)).toEqual(['', 0]);
    expect(await part('3.2.log', 'tail', 4)).toEqual(['log\n', 3_000_000]);
    expect(await part('4.1.log', 'tail', 4)).toBeNull();
  });

  it.each([
    ['cut off', (archive: Buffer) => archive.subarray(0, archive.length - 100)],
    ['something else', () => Buffer.from('not an archive')],
    ['empty', () => Buffer.alloc(0)],
  ])('that is %s is refused', async (_, spoil) => {
    const archive = spoil(await buffer(packed(of(...members))));
    await expect(membersOf(Readable.from([archive]))).rejects.toThrow();
  });

  it('ends with the failure of what it is made from', async () => {
    async function* broken(): AsyncGenerator<ArchiveMember> {
      yield* of(...members);
      throw new Error('no such folder');
    }
    await expect(buffer(packed(broken()))).rejects.toThrow('no such folder');
  });

  it('lets go of what it is made from when nobody wants it any more', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<ArchiveMember> {
      try {
        for (let i = 1; ; i++) yield* of(member(`${i}.1.log`, BIG));
      } finally {
        ended = true;
      }
    }
    const stream = packed(endless());
    for await (const piece of stream) if ((piece as Buffer).length > 0) break;
    await expect.poll(() => ended).toBe(true);
  });
});
