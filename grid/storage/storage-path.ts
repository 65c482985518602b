import path from 'node:path';
import { FabricaError } from '../../domain/errors.js';

/** Longest segment and longest path that file systems take (bytes). */
const LONGEST_SEGMENT = 255;
const LONGEST_PATH = 4096;

/** What nearly all paths are: printable ASCII, and no longer than a segment may be. Nothing is wrong with them, and one look tells it. */
const PLAIN_PATH = /^(?:\/(?!\.\.?(?:\/|$))[ -.0-~]+)+$/;

const isPlain = (storagePath: string): boolean =>
  storagePath.length <= LONGEST_SEGMENT && PLAIN_PATH.test(storagePath);

/**
 * Throws `FABRICA_STORAGE_PATH` unless this is a path below the root of a storage: it begins with `/`, has no empty, `.` or `..`
 * segment and no control character.
 */
export function checkStoragePath(storage: string, storagePath: string): void {
  if (isPlain(storagePath)) return;
  checkForeignPath(storage, storagePath);
  if (/\p{Cc}/u.test(storagePath)) refuse(storage, storagePath, 'holds a control character');
}

/** The same for a path that others may have written: what lies there can be looked at and removed, control characters or not. */
export function checkForeignPath(storage: string, storagePath: string): void {
  if (isPlain(storagePath)) return;
  const refused = (why: string): never => refuse(storage, storagePath, why);
  if (!storagePath.startsWith('/')) refused('does not begin with "/"');
  if (storagePath.includes('\0')) refused('holds a NUL character');
  if (Buffer.byteLength(storagePath) > LONGEST_PATH) refused(`is above ${LONGEST_PATH} bytes`);
  for (const segment of storagePath.slice(1).split('/')) {
    if (segment === '') refused('has an empty segment');
    if (segment === '.' || segment === '..') refused(`has the segment "${segment}"`);
    if (Buffer.byteLength(segment) > LONGEST_SEGMENT) {
      refused(`has a segment above ${LONGEST_SEGMENT} bytes`);
    }
  }
}

function refuse(storage: string, storagePath: string, why: string): never {
  throw new FabricaError(
    'FABRICA_STORAGE_PATH',
    `The path ${JSON.stringify(storagePath.slice(0, 300))} ${why}, which storage ${storage} does not take.`,
    { storage, path: storagePath },
  );
}

/** True if the absolute, normal path `inner` is `outer` or below it. */
export function isWithin(outer: string, inner: string): boolean {
  const relative = path.relative(outer, inner);
  return (
    relative === '' ||
    (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
  );
}
