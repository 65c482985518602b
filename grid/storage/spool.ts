import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { Expected } from './storage-element.js';
import { arrivedOtherwise, brokeOff } from './storage-failures.js';
import { writeMeasured } from './write-measured.js';

/**
 * Brings a stream to this machine's disk and hands it on as a file once it is whole and as expected: who sends it from there knows its
 * end, and a storage never gets a part of it because its sender has died. The file has no name of its own but that by which other processes
 * of this user find it while this one has it open, so that nothing is left of it, whatever happens. Throws `FABRICA_STORAGE_CHECKSUM`, and `FABRICA_STORAGE_UNREACHABLE` if the stream breaks off.
 */
export async function spooled<T>(
  source: Readable,
  place: { readonly storage: string; readonly path: string; readonly expected: Expected },
  send: (file: string) => Promise<T>,
): Promise<T> {
  const { expected, storage } = place;
  const name = path.join(tmpdir(), `fabrica-spool-${randomBytes(8).toString('hex')}`);
  const file = await fs.open(name, 'wx+', 0o600);
  try {
    await fs.unlink(name);
    const found = await writeMeasured(source, file).catch((error: unknown) => {
      throw brokeOff(storage, place.path, error);
    });
    if (found.size !== expected.size || found.adler32 !== expected.adler32) {
      throw arrivedOtherwise(storage, place.path, { expected, found });
    }
    return await send(`/proc/${process.pid}/fd/${file.fd}`);
  } finally {
    await file.close();
  }
}
