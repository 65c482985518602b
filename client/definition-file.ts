import path from 'node:path';
import type { Definition } from '../domain/definition.js';
import {
  decodeText,
  documentTooLarge,
  MAX_DOCUMENT_BYTES,
  parseDocument,
} from '../domain/document.js';
import { FabricaError } from '../domain/errors.js';
import { definitionWarnings, parseDefinition, type Where } from '../domain/parse.js';
import { printable } from '../domain/problem.js';
import { FileFault, readPlainFile } from '../worker/plain-file.js';

/** Where the definitions that this process has read stand, so that whatever is found wrong with one later is told with its line. */
const places = new WeakMap<Definition, Where>();

/** The file of a definition that `readDefinition` has read, and the lines of its fields; undefined for one that came otherwise. */
export function whereOf(definition: Definition): Where | undefined {
  return places.get(definition);
}

export interface DefinitionFile {
  readonly definition: Definition;
  /** Sentences about what is allowed but probably not meant. */
  readonly warnings: readonly string[];
  /** Absolute path of the folder of the file; payload paths are relative to it. */
  readonly folder: string;
  /** The file as it was named. */
  readonly file: string;
}

/**
 * The definition in a YAML or JSON file, checked, with all defaults.
 * Throws `FABRICA_DEFINITION_UNREADABLE` for what is no readable plain file of at most 1 MB of UTF-8, or no YAML or JSON, and
 * `FABRICA_DEFINITION_INVALID` with every broken rule.
 */
export function readDefinition(file: string): DefinitionFile {
  const { value, where } = readDocument(file, 'definition');
  const definition = parseDefinition(value, where);
  places.set(definition, where);
  return {
    definition,
    warnings: definitionWarnings(definition),
    folder: path.dirname(path.resolve(file)),
    file,
  };
}

/** What a YAML or JSON file says, unchecked, and where. Throws `FABRICA_DEFINITION_UNREADABLE`. */
export function readDocument(
  file: string,
  kind: 'definition' | 'campaign',
): { readonly value: unknown; readonly where: Where } {
  const document = parseDocument(decodeText(bytesOf(file, kind), file), file);
  return {
    value: document.value,
    where: {
      file,
      lineOf: (path) => document.lineOf(path),
      numberAt: (path) => document.numberAt(path),
    },
  };
}

/** Where a person has the first file of a kind from. */
const BEGINNINGS = {
  definition: '`fabrica new` writes one',
  campaign:
    '`fabrica help campaign submit` tells what one is for, `fabrica schema campaign` what may stand in it',
};

function bytesOf(file: string, kind: 'definition' | 'campaign'): Uint8Array {
  const code = 'FABRICA_DEFINITION_UNREADABLE';
  try {
    const bytes = readPlainFile(file, MAX_DOCUMENT_BYTES);
    if (bytes === null) throw documentTooLarge(file, code);
    return bytes;
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    throw new FabricaError(
      code,
      `The ${kind} file ${printable(file, 300)} ${error.message}.`,
      { file },
      { remedy: `Name a YAML or JSON file that you can read; ${BEGINNINGS[kind]}.` },
    );
  }
}
