import type { Readable } from 'node:stream';
import { Adler32 } from '../../../domain/adler32.js';
import type { Expected } from '../storage-element.js';

/** A stream in pieces of one size, measured as they are handed out. */
export class MeasuredPieces {
  readonly #source: Readable;
  readonly #pieceSize: number;
  readonly #sum = new Adler32();
  #size = 0;

  constructor(source: Readable, pieceSize: number) {
    this.#source = source;
    this.#pieceSize = pieceSize;
  }

  /** What has been read so far. */
  get found(): Expected {
    return { size: this.#size, adler32: this.#sum.hex() };
  }

  /** Pieces of that size, the last one shorter; at least one. Ends early once more has come than expected. */
  async *read(most: number): AsyncGenerator<Buffer> {
    let held: Buffer[] = [];
    let length = 0;
    for await (const piece of this.#source as AsyncIterable<Buffer | string>) {
      let bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
      this.#sum.update(bytes);
      this.#size += bytes.length;
      if (this.#size > most) return;
      while (length + bytes.length >= this.#pieceSize) {
        const rest = this.#pieceSize - length;
        yield Buffer.concat([...held, bytes.subarray(0, rest)]);
        bytes = bytes.subarray(rest);
        held = [];
        length = 0;
      }
      if (bytes.length > 0) held.push(bytes);
      length += bytes.length;
    }
    if (length > 0 || this.#size === 0) yield Buffer.concat(held);
  }
}
