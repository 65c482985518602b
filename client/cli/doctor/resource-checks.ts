import { placeOf, type Configuration } from '../../../domain/configuration.js';
import { messageOf } from '../../../domain/errors.js';
import { formatSize } from '../../../domain/quantity.js';
import { fabricaErrorOf } from '../../temporal/failures.js';
import type { standaloneActivities } from '../../temporal/standalone-activities.js';
import { fail, ok, warn, type Finding } from './finding.js';

type Activities = ReturnType<typeof standaloneActivities>;

/** s for a site to answer. */
const PATIENCE = 5;
/** s for a storage to write, read and remove a small file, and for its answer to come back. */
const PROBE_SECONDS = 10;
const PROBE_PATIENCE = PROBE_SECONDS + 3;
/** Below this share of free space a storage is nearly full. */
const NEARLY_FULL = 0.05;

/** Every configured site takes jobs. */
export async function checkSites(
  { sites }: Configuration,
  activities: Activities,
): Promise<Finding[]> {
  return Promise.all(
    sites.map(async ({ name }) => {
      const check = `site ${name}`;
      try {
        const { queued, running, total } = await activities.site(
          name,
          'checkSite',
          undefined,
          PATIENCE,
        );
        return ok(check, `${total} slots, ${running} jobs running, ${queued} queued`);
      } catch (error) {
        return fail(
          check,
          messageOf(error),
          `Start \`fabrica worker site ${name}\`, or repair the site; \`fabrica site ban ${name}\` meanwhile.`,
        );
      }
    }),
  );
}

/** Every configured storage has a small file written, read back and removed by a process that serves it, and has room. */
export async function checkStorages(
  { storages }: Configuration,
  activities: Activities,
): Promise<Finding[]> {
  return Promise.all(
    storages.map(async (storage) => {
      const { name } = storage;
      const place = placeOf(storage);
      const check = `storage ${name}`;
      try {
        const input = { storage: name, seconds: PROBE_SECONDS };
        const space = await activities.storage(name, 'probeStorage', input, PROBE_PATIENCE);
        const text = `${formatSize(space.free)} of ${formatSize(space.total)} free`;
        return space.free < NEARLY_FULL * space.total
          ? warn(check, text, `Free space on it (${place}), or configure another one.`)
          : ok(check, `a file was written, read and removed; ${text}`);
      } catch (error) {
        const { code, message, remedy } = fabricaErrorOf(error);
        return fail(
          check,
          message,
          code === 'FABRICA_WORKER_ABSENT'
            ? 'Start `fabrica up`, or the worker of a site that is near to it.'
            : `${remedy} Its root is ${place}.`,
        );
      }
    }),
  );
}
