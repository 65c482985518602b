import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** The shortest good definition. */
export const MINIMAL = `name: mumu
dataset:
  campaign: MC16
  release: release-08
  globalTag: DB1
  experiment: 1003
  eventType: mumu
events: 1000
fabrication:
  command: [./gen.sh, '{seed}', '{output}']
  outputs:
    - file: out.root
`;

/** Writes a definition file into a folder. Returns its path. */
export function writeDefinition(folder: string, content: string | Uint8Array): string {
  const file = path.join(folder, 'mumu.yaml');
  writeFileSync(file, content);
  return file;
}
