import type { Catalog, Db } from '../../../catalog/catalog.js';
import { unrecovered } from '../../../catalog/epochs.js';
import { catalogVersion, integrityProblems } from '../../../catalog/views/integrity.js';
import { tryWriteLock } from '../../../catalog/views/write-lock.js';
import { fabricaErrorOf } from '../../temporal/failures.js';
import { fail, ok, warn, type Finding } from './finding.js';

/** A change of the catalog takes well below a second; who holds it for longer is stuck or no process of Fabrica. ms. */
const LOCK_PATIENCE = 3000;

/** The catalog opens (or there would be none to check); this looks into it. */
export async function checkCatalog(catalog: Catalog): Promise<Finding[]> {
  const { file } = catalog;
  const version = await catalog.read(catalogVersion);
  const problems = await catalog.read(integrityProblems);
  return [
    ok('catalog', `${file}, version ${version}, epoch ${catalog.epoch}`),
    ...(await catalog.read(checkEpoch)),
    problems.length === 0
      ? ok('catalog integrity', 'the database finds nothing wrong in its file')
      : fail(
          'catalog integrity',
          problems.join('; '),
          'Stop Fabrica, move the file away, restore a backup, and run `fabrica recover`.',
        ),
    checkWriteLock(file),
  ];
}

/** Everything belongs to the present epoch. */
async function checkEpoch(db: Db): Promise<Finding[]> {
  const waiting = await unrecovered(db);
  if (waiting === null) return [];
  return [
    fail(
      'epoch',
      `restored: ${waiting.why}; nothing runs`,
      'Run `fabrica recover` (start `fabrica up` first).',
    ),
  ];
}

/** Nobody keeps the catalog from being changed. */
function checkWriteLock(file: string): Finding {
  const check = 'catalog lock';
  try {
    tryWriteLock(file, LOCK_PATIENCE);
    return ok(check, 'it can be changed');
  } catch (error) {
    const { code, message } = fabricaErrorOf(error);
    if (code === 'FABRICA_CATALOG_LOCKED') {
      return fail(
        check,
        `another process has locked it for writing for more than ${LOCK_PATIENCE / 1000} s: nothing goes on meanwhile`,
        `Find who has it open (\`fuser ${file}\`), such as a backup or an sqlite3 shell, and end it; Fabrica goes on by itself.`,
      );
    }
    return warn(
      check,
      message,
      'Make the file and its folder writable for the control process; if only this user may not write it, all is well.',
    );
  }
}
