import { FabricaError } from '../../domain/errors.js';
import type { JobAccess, JobPlace } from '../storage/job-access.js';
import type { StorageElement } from '../storage/storage-element.js';
import type { WrapperSpec } from './wrapper.js';

/** s that a job may wait for a slot and for its files, and still reach its storages. */
const LONGEST_QUEUE = 3 * 86_400;

/**
 * What makes storages answer a job, from now until its limits are over, also if it waits for days. A storage whose credential can not be used is left out:
 * the job goes to another one, and what looks after storages tells of it.
 */
export async function wrapperAccess(
  spec: WrapperSpec,
  storages: readonly StorageElement[],
): Promise<JobAccess[]> {
  const places: JobPlace[] = [
    ...spec.claims.map(({ url }) => ({ url, use: 'claim' as const })),
    ...spec.stageIn.flatMap(({ urls }) => urls.map((url) => ({ url, use: 'input' as const }))),
    ...spec.outputs.flatMap(({ destinations }) =>
      destinations.map(({ url }) => ({ url, use: 'output' as const })),
    ),
  ];
  const seconds = (spec.validation.length === 0 ? 1 : 2) * spec.wallSeconds + LONGEST_QUEUE;
  const access: JobAccess[] = [];
  for (const storage of storages) {
    const own = places.filter(({ url }) => storage.pathOf(url) !== null);
    if (own.length === 0) continue;
    try {
      access.push(...((await storage.jobAccess?.(own, seconds)) ?? []));
    } catch (error) {
      if (!(error instanceof FabricaError)) throw error;
    }
  }
  return access;
}
