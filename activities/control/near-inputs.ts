import type { Db } from '../../catalog/catalog.js';
import { placesOfInputs } from '../../catalog/job-inputs.js';
import type { PlaceableJob } from '../../catalog/jobs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { nearStorages, type SiteRow } from '../../catalog/resources.js';

/** Files that the orders of one answer may name: some 40 bytes each when packed, far below Temporal's limit of 2 MB. */
const FILES_OF_ANSWER = 8000;

/** Jobs that can be placed together, with the sites near all of the input of each. */
export interface NearInputs {
  readonly jobs: readonly PlaceableJob[];
  readonly prefers: ReadonlyMap<number, readonly string[]>;
}

/** Looks up what jobs read, and which of these sites are near. Of many that read much, only the first: an answer can not name more files. */
export async function nearInputs(
  db: Db,
  production: ProductionRow,
  jobs: readonly PlaceableJob[],
  sites: readonly SiteRow[],
): Promise<NearInputs> {
  const places = await placesOfInputs(
    db,
    production.id,
    jobs.map(({ number }) => number),
  );
  let named = 0;
  const chosen = jobs.filter(({ number }, i) => {
    named += places.get(number)?.files ?? 0;
    return i === 0 || named <= FILES_OF_ANSWER;
  });
  const prefers = new Map<number, readonly string[]>();
  for (const [job, { storages }] of places) {
    const near = sites.filter((site) => nearStorages(site).some((one) => storages.includes(one)));
    prefers.set(
      job,
      near.map(({ name }) => name),
    );
  }
  return { jobs: chosen, prefers };
}
