import type { Db } from '../../catalog/catalog.js';
import { goneInputs, readAmong, readersOf } from '../../catalog/input-readers.js';
import { lostInputs, type LostInput } from '../../catalog/job-inputs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { replacedInputs } from '../../catalog/replaced-inputs.js';
import type { WhyRefused } from '../../policy/command-rules.js';
import { counted } from '../../domain/counted.js';

/** Why the files of a production must stay: others read them still. Null if none does. */
export async function whoReads(
  db: Db,
  production: Pick<ProductionRow, 'id'>,
): Promise<WhyRefused | null> {
  const readers = (await readersOf(db, production.id)).map(
    ({ name, state }) => `${name} (${state})`,
  );
  const shown = readers.slice(0, 5).join(', ');
  const more = readers.length > 5 ? ` and ${readers.length - 5} more` : '';
  return readers.length === 0
    ? null
    : { why: `its files are read by ${shown}${more}`, remedy: AFTER_READERS };
}

/** Why these files of a production must not be replaced: others read them still. Null if none does. */
export async function whoReadsAmong(
  db: Db,
  files: readonly { readonly lfn: string }[],
): Promise<WhyRefused | null> {
  const read = await readAmong(
    db,
    files.map(({ lfn }) => lfn),
  );
  return read === null
    ? null
    : {
        why: `${counted(read.files, 'file')} that it would replace (e.g. ${read.lfn}) ${read.files === 1 ? 'is' : 'are'} read by ${read.name} (${read.state})`,
        remedy: AFTER_READERS,
      };
}

const AFTER_READERS = 'Wait until what reads them has ended, or cancel that, then ask again.';

/** Why these jobs of a production can not run again: input or overlay files that they read are gone. Null if those are there, or others in their place. */
export async function whatIsGone(
  db: Db,
  { id }: Pick<ProductionRow, 'id'>,
  jobs: readonly number[],
): Promise<string | null> {
  let [lost] = await lostInputs(db, id, jobs);
  if (lost === undefined) return null;
  [lost] = await lostInputs(db, id, jobs, await replacedInputs(db, id, jobs));
  return lost === undefined ? null : `job ${lost.job} can not run again: ${lossText(lost)}`;
}

/** Why no further jobs of a production can be made: files that it reads are gone. Null if all are there, or others in their place. */
export async function whatOfAllIsGone(
  db: Db,
  { id }: Pick<ProductionRow, 'id'>,
): Promise<string | null> {
  if ((await goneInputs(db, id)).files === 0) return null;
  const { files, lfn } = await goneInputs(db, id, await replacedInputs(db, id, 'all'));
  return files === 0
    ? null
    : `${counted(files, 'file')} that it reads ${files === 1 ? 'has' : 'have'} no good copy any more (e.g. ${lfn})`;
}

/** Why a job can not run: what it reads is gone. */
export function lossText(lost: Pick<LostInput, 'lfn' | 'production' | 'role'> | undefined): string {
  if (lost === undefined) return '';
  const of = lost.production === null ? '' : ` of ${lost.production}`;
  return `no good copy of the ${lost.role} file ${lost.lfn}${of} is left`;
}
