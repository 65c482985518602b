import type { OpenAttempt } from '../../catalog/attempts.js';
import type { Removal } from '../../catalog/remnants.js';
import type { OutputRecipe } from '../../domain/bundle.js';
import { lfnOf, lfnsOf, partialPath, physicalPath } from '../../domain/lfn.js';

type Named = Pick<OpenAttempt, 'job' | 'attempt' | 'file_index'>;

/** An output of one attempt. */
export interface AttemptOutput {
  readonly level: string;
  readonly lfn: string;
}

/** What tells the outputs of many attempts that have the same recipes. */
export function attemptOutputs(
  recipes: readonly OutputRecipe[],
): (attempt: Named) => AttemptOutput[] {
  const named = recipes.map(({ level, naming }) => ({ level, lfnOf: lfnsOf(naming) }));
  return ({ attempt, file_index: index, job }) =>
    named.map(({ level, lfnOf: nameOf }) => ({ level, lfn: nameOf({ index, job, attempt }) }));
}

/** What an attempt may have left of an output on storages that it could write to: the whole file, or a part of it. */
export function possibleRemnants(
  epoch: string,
  attempt: Named,
  output: OutputRecipe,
  storages: readonly string[],
): Removal[] {
  const { attempt: number, file_index: index, job } = attempt;
  const path = physicalPath(epoch, lfnOf(output.naming, { index, job, attempt: number }));
  return storages.flatMap((storage) => [
    { storage, path, shape: 'file' as const },
    { storage, path: partialPath(path), shape: 'file' as const },
  ]);
}
