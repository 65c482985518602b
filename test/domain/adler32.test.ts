import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Adler32, ADLER32_PATTERN, adler32 } from '../../domain/adler32.js';

/** By the words of RFC 1950, byte for byte. */
function plain(bytes: Uint8Array): string {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return (b * 65_536 + a).toString(16).padStart(8, '0');
}

describe('adler32', () => {
  // Computed with zlib.adler32 of Python.
  it.each([
    ['nothing', Buffer.alloc(0), '00000001'],
    ['a', Buffer.from('a'), '00620062'],
    ['abc', Buffer.from('abc'), '024d0127'],
    ['Wikipedia', Buffer.from('Wikipedia'), '11e60398'],
    [
      '256,000 bytes of all values',
      Buffer.alloc(256_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
      'a73b292f',
    ],
    ['a million of 0xff', Buffer.alloc(1_000_000, 0xff), '3843e1be'],
    ['5552 of 0xff', Buffer.alloc(5552, 0xff), 'f18f9b8c'],
    ['5553 of 0xff', Buffer.alloc(5553, 0xff), '8e299c8b'],
    ['70,000 of 0', Buffer.alloc(70_000), '117f0001'],
  ])('of %s is as zlib has it', (_, bytes, expected) => {
    expect(adler32(bytes)).toBe(expected);
  });

  it('is the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (parts) => {
        const sum = new Adler32();
        for (const part of parts) sum.update(part);
        expect(sum.hex()).toBe(plain(Buffer.concat(parts)));
        expect(sum.hex()).toMatch(ADLER32_PATTERN);
      }),
    );
  });
});
