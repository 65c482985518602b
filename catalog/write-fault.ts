import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** What keeps this process from writing the catalog, as the end of a sentence; null if that can not be seen from outside. */
export function writeFault(file: string): string | null {
  try {
    accessSync(path.dirname(file), constants.W_OK);
    const place = statSync(file, { throwIfNoEntry: false });
    if (place === undefined) return null;
    if (place.isDirectory()) return 'it is a directory';
    accessSync(file, constants.W_OK);
    return null;
  } catch (error) {
    return FAULTS[error instanceof Error && 'code' in error ? String(error.code) : ''] ?? null;
  }
}

const FAULTS: Readonly<Partial<Record<string, string>>> = {
  EROFS: 'its file system is mounted read-only, and even looking needs files beside it',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of its path is no directory',
  EACCES: 'this user may not write it or its folder',
};
