import { builtFile } from '../../worker/built-files.js';
import { readDefinition, type DefinitionFile } from '../definition-file.js';

const EXAMPLE = '../examples/quickstart/production.yaml';

/** The quickstart's definition, under the given production name. */
export function readExample(name: string): DefinitionFile {
  const read = readDefinition(builtFile(EXAMPLE));
  return { ...read, definition: { ...read.definition, name } };
}
