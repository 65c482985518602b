import path from 'node:path';
import { FabricaError } from '../../domain/errors.js';

/** Longest segment and longest path that file systems take (bytes). */
const LONGEST_SEGMENT = 255;
const LONGEST_PATH = 4096;

/**
 * Throws `FABRICA_STORAGE_PATH` unless this is a path below the root of a storage: it begins with `/`, has no empty, `.` or `..`
 * segment and no control character.
 */
export function checkStoragePath(storage: string, storagePath: string): void {
  const refuse = (why: string): never => {
    throw new FabricaError(
      'FABRICA_STORAGE_PATH',
      `The path ${JSON.stringify(storagePath.slice(0, 300))} ${why}, which storage ${storage} does not take.`,
      { storage, path: storagePath },
    );
  };
  if (!storagePath.startsWith('/')) refuse('does not begin with "/"');
  if (/\p{Cc}/u.test(storagePath)) refuse('holds a control character');
  if (Buffer.byteLength(storagePath) > LONGEST_PATH) refuse(`is above ${LONGEST_PATH} bytes`);
  for (const segment of storagePath.slice(1).split('/')) {
    if (segment === '') refuse('has an empty segment');
    if (segment === '.' || segment === '..') refuse(`has the segment "${segment}"`);
    if (Buffer.byteLength(segment) > LONGEST_SEGMENT) {
      refuse(`has a segment above ${LONGEST_SEGMENT} bytes`);
    }
  }
}

/** True if the absolute, normal path `inner` is `outer` or below it. */
export function isWithin(outer: string, inner: string): boolean {
  const relative = path.relative(outer, inner);
  return (
    relative === '' ||
    (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
  );
}
