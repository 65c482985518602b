import { FabricaError, messageOf } from '../../domain/errors.js';
import type { Expected } from './storage-element.js';

/** Another file is where this one was to be. */
export function holdsAnother(
  storage: string,
  storagePath: string,
  { adler32, size }: Expected,
): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_EXISTS',
    `Storage ${storage} holds another file at ${storagePath} than the one of ${size} bytes, adler32 ${adler32}.`,
    { storage, path: storagePath },
  );
}

/** What has arrived is not what was announced. */
export function arrivedOtherwise(
  storage: string,
  storagePath: string,
  { expected, found }: { readonly expected: Expected; readonly found: Expected },
): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_CHECKSUM',
    `What was to be written to ${storagePath} on storage ${storage} has ${found.size} bytes, adler32 ${found.adler32}, ` +
      `instead of ${expected.size} bytes, adler32 ${expected.adler32}.`,
    { storage, path: storagePath },
  );
}

/** There is no file to be read. */
export function holdsNothing(storage: string, storagePath: string): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_UNREACHABLE',
    `Storage ${storage} has no file at ${storagePath}.`,
    { storage, path: storagePath },
  );
}

/** What was to be written has not come to its end. */
export function brokeOff(storage: string, storagePath: string, error: unknown): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_UNREACHABLE',
    `What was to be written to ${storagePath} on storage ${storage} broke off: ${messageOf(error)}.`,
    { storage, path: storagePath },
    { cause: error },
  );
}
