import type { Revision } from '../../catalog/productions.js';
import { logDirectory, physicalDirectory, physicalPath } from '../../domain/lfn.js';
import { levelsOf } from '../../domain/definition.js';
import { outputsOf } from './orders.js';

/** The directories, below the root of a storage, that hold nothing but files that a production has made in an epoch. */
export function directoriesOf(
  revision: Pick<Revision, 'definition' | 'scheme'>,
  production: number,
  epoch: string,
): string[] {
  const directories = new Set<string>();
  for (const kind of ['fabrication', 'merge']) {
    for (const level of levelsOf(revision.definition)) {
      for (const output of outputsOf(revision, production, { kind, level })) {
        directories.add(physicalDirectory(epoch, output.naming));
      }
    }
  }
  directories.add(physicalPath(epoch, logDirectory(revision.scheme, production)));
  return [...directories];
}
