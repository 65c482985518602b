import type { Db } from '../../catalog/catalog.js';
import { countInputs } from '../../catalog/input-sets.js';
import { insertInputs, insertOverlay } from '../../catalog/job-inputs.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { overlayPlaces } from '../../policy/input-grouping.js';

/** Gives new jobs the files that they read: those of their group, and overlay by their seeds. */
export async function giveInputs(
  db: Db,
  production: ProductionRow,
  jobs: readonly {
    readonly job: number;
    readonly seed: number;
    readonly files: readonly number[];
  }[],
): Promise<void> {
  const inputs = jobs.flatMap(({ files, job }) =>
    files.map((file, position) => ({ job, position, file })),
  );
  if (inputs.length > 0) await insertInputs(db, production.id, inputs);
  const { overlay } = (await revisionOf(db, production)).definition;
  if (overlay === undefined) return;
  const size = await countInputs(db, production.id, 'overlay');
  await insertOverlay(
    db,
    production.id,
    jobs.flatMap(({ files, job, seed }) =>
      overlayPlaces(seed, overlay.filesPerJob, size).map((place, i) => ({
        job,
        position: files.length + i,
        overlay: place,
      })),
    ),
  );
}
