import type { OpenAttempt } from '../../catalog/attempts.js';
import type { Removal } from '../../catalog/remnants.js';
import type { OutputRecipe } from '../../domain/bundle.js';
import { lfnOf, partialPath, physicalPath } from '../../domain/lfn.js';

type Named = Pick<OpenAttempt, 'job' | 'attempt' | 'file_index'>;

/** The LFN of an output of an attempt. */
export function outputLfn(output: OutputRecipe, attempt: Named): string {
  return lfnOf(output.naming, {
    index: attempt.file_index,
    job: attempt.job,
    attempt: attempt.attempt,
  });
}

/** What an attempt may have left of an output on storages that it could write to: the whole file, or a part of it. */
export function possibleRemnants(
  epoch: string,
  attempt: Named,
  output: OutputRecipe,
  storages: readonly string[],
): Removal[] {
  const path = physicalPath(epoch, outputLfn(output, attempt));
  return storages.flatMap((storage) => [
    { storage, path, shape: 'file' as const },
    { storage, path: partialPath(path), shape: 'file' as const },
  ]);
}
