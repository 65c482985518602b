import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FabricaError } from '../domain/errors.js';

/**
 * The path of a file of the built package, e.g. `workflows/bundle.js`: in `dist/`, whether this file runs built, as part of a program, or not.
 * Throws `FABRICA_INTERNAL` if the package is not built.
 */
export function builtFile(name: string): string {
  const root = import.meta.url.endsWith('.ts') ? '../dist/' : '../';
  const file = fileURLToPath(new URL(`${root}${name}`, import.meta.url));
  if (existsSync(file)) return file;
  throw new FabricaError(
    'FABRICA_INTERNAL',
    `${file} is not there: the package is not built.`,
    { file },
    { remedy: 'Run `npm run build`.' },
  );
}
