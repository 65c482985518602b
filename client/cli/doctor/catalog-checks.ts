import type { Catalog } from '../../../catalog/catalog.js';
import { catalogVersion, integrityProblems } from '../../../catalog/views/integrity.js';
import { fail, ok, type Finding } from './finding.js';

/** The catalog opens (or there would be none to check); this looks into it. */
export async function checkCatalog(catalog: Catalog): Promise<Finding[]> {
  const { file } = catalog;
  const version = await catalog.read(catalogVersion);
  const problems = await catalog.read(integrityProblems);
  return [
    ok('catalog', `${file}, version ${version}, epoch ${catalog.epoch}`),
    problems.length === 0
      ? ok('catalog integrity', 'the database finds nothing wrong in its file')
      : fail(
          'catalog integrity',
          problems.join('; '),
          'Stop Fabrica, move the file away, restore a backup, and run `fabrica recover`.',
        ),
  ];
}
