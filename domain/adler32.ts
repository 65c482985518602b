/** The checksum of grid storages (RFC 1950), as 8 lower-case hexadecimal digits. */
export class Adler32 {
  #a = 1;
  #b = 0;

  update(bytes: Uint8Array): this {
    let a = this.#a;
    let b = this.#b;
    // 5552 is the most bytes whose sums stay below 2^32 before the modulo.
    for (let start = 0; start < bytes.length; start += 5552) {
      const end = Math.min(start + 5552, bytes.length);
      for (let i = start; i < end; i++) {
        a += bytes[i] as number;
        b += a;
      }
      a %= 65_521;
      b %= 65_521;
    }
    this.#a = a;
    this.#b = b;
    return this;
  }

  hex(): string {
    return (this.#b * 65_536 + this.#a).toString(16).padStart(8, '0');
  }
}

/** adler32 of a whole buffer. */
export function adler32(bytes: Uint8Array): string {
  return new Adler32().update(bytes).hex();
}

export const ADLER32_PATTERN = /^[0-9a-f]{8}$/;
