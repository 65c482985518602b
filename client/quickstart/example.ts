import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FabricaError } from '../../domain/errors.js';
import { readDefinition, type DefinitionFile } from '../definition-file.js';

/** The example below the root of the package, whether this file runs built or not. */
const EXAMPLE = 'examples/quickstart/production.yaml';

/**
 * The quickstart's definition, under the given production name. Throws `FABRICA_DEFINITION_UNREADABLE` if the package lacks it.
 */
export function readExample(name: string): DefinitionFile {
  const root = import.meta.url.endsWith('.ts') ? '../../' : '../../../';
  const file = fileURLToPath(new URL(`${root}${EXAMPLE}`, import.meta.url));
  if (!existsSync(file)) {
    throw new FabricaError('FABRICA_DEFINITION_UNREADABLE', `The example ${file} is not there.`, {
      file,
    });
  }
  const read = readDefinition(file);
  return { ...read, definition: { ...read.definition, name } };
}
