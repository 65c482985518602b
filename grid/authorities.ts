import { readFileSync } from 'node:fs';
import { FabricaError, messageOf } from '../domain/errors.js';

/** The certificates of a file, for a server whose own they sign. Throws `FABRICA_CONFIGURATION_INVALID`. */
export function authorities(file: string, whose: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new FabricaError(
      'FABRICA_CONFIGURATION_INVALID',
      `The certificates ${file} of ${whose} can not be read: ${messageOf(error)}.`,
      { path: file },
      { cause: error },
    );
  }
}
