import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Adler32 } from '../../domain/adler32.js';
import type { Expected } from './storage-element.js';

/** Writes a stream to an open file, and answers what was written. */
export async function writeMeasured(source: Readable, file: FileHandle): Promise<Expected> {
  const checksum = new Adler32();
  let size = 0;
  for await (const piece of source as AsyncIterable<Buffer | string>) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    checksum.update(bytes);
    size += bytes.length;
    await file.writeFile(bytes);
  }
  return { size, adler32: checksum.hex() };
}
