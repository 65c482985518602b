import type { Db } from '../../catalog/catalog.js';
import { readAmong, readersOf } from '../../catalog/input-sets.js';
import { lostInputs, type LostInput } from '../../catalog/job-inputs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { counted } from '../../domain/counted.js';

/** Why the files of a production must stay: others read them still. Null if none does. */
export async function whoReads(
  db: Db,
  production: Pick<ProductionRow, 'id'>,
): Promise<string | null> {
  const readers = (await readersOf(db, production.id)).map(
    ({ name, state }) => `${name} (${state})`,
  );
  const shown = readers.slice(0, 5).join(', ');
  const more = readers.length > 5 ? ` and ${readers.length - 5} more` : '';
  return readers.length === 0
    ? null
    : `its files are read by ${shown}${more}: wait until that has ended, or cancel it`;
}

/** Why these files of a production must not be replaced: others read them still. Null if none does. */
export async function whoReadsAmong(
  db: Db,
  files: readonly { readonly lfn: string }[],
): Promise<string | null> {
  const read = await readAmong(
    db,
    files.map(({ lfn }) => lfn),
  );
  return read === null
    ? null
    : `${counted(read.files, 'file')} that it would replace (e.g. ${read.lfn}) ${read.files === 1 ? 'is' : 'are'} read by ${read.name} (${read.state}): wait until that has ended, or cancel it`;
}

/** Why these jobs of a production can not run again: what they read is gone. Null if it is there. */
export async function whatIsGone(
  db: Db,
  production: Pick<ProductionRow, 'id'>,
  jobs: readonly number[],
): Promise<string | null> {
  const [lost] = await lostInputs(db, production.id, jobs);
  return lost === undefined ? null : `job ${lost.job} can not run again: ${lossText(lost)}`;
}

/** Why a job can not run: what it reads is gone. */
export function lossText(lost: Pick<LostInput, 'lfn' | 'production' | 'role'> | undefined): string {
  if (lost === undefined) return '';
  const of = lost.production === null ? '' : ` of ${lost.production}`;
  return `no good copy of the ${lost.role} file ${lost.lfn}${of} is left`;
}
