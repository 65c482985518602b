import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';

/**
 * Files that a person names: opened without ever waiting (a FIFO would block for ever), and judged after opening, so that nothing
 * can be exchanged in between. Symbolic links are followed.
 */

/** Why a file can not be used, as the end of the sentence `FILE ...`. */
export class FileFault extends Error {
  override readonly name = 'FileFault';
}

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The content of a plain file of at most `limit` bytes; null for a bigger one.
 * Throws `FileFault` for what is missing, no plain file, or not readable.
 */
export function readPlainFile(file: string, limit: number): Uint8Array | null {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, FLAGS);
    const fault = kindFault(fstatSync(descriptor));
    if (fault !== null) throw new FileFault(fault);
    const buffer = Buffer.alloc(limit + 1);
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return length > limit ? null : buffer.subarray(0, length);
  } catch (error) {
    throw asFault(error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** A plain file, open for reading. The caller closes it. Throws `FileFault` as `readPlainFile` does. */
export async function openPlainFile(file: string): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, FLAGS);
    const fault = kindFault(await handle.stat());
    if (fault !== null) throw new FileFault(fault);
    return handle;
  } catch (error) {
    await handle?.close();
    throw asFault(error);
  }
}

function kindFault(stats: Stats): string | null {
  if (stats.isFile()) return null;
  if (stats.isDirectory()) return 'is a directory, not a file';
  if (stats.isFIFO()) return 'is a FIFO (a pipe), not a plain file';
  return 'is a device or a socket, not a plain file';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is no directory',
  EACCES: 'can not be read: permission denied',
  EPERM: 'can not be read: not permitted',
  ELOOP: 'is a symbolic link that leads in circles',
  ENAMETOOLONG: 'has too long a name',
  ENXIO: 'is a device or a socket, not a plain file',
  ERR_INVALID_ARG_VALUE: 'has a NUL in its name',
};

function asFault(error: unknown): FileFault {
  if (error instanceof FileFault) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = error instanceof Error ? error.message : String(error);
  return new FileFault(REASONS[code] ?? `can not be read: ${text}`, { cause: error });
}
