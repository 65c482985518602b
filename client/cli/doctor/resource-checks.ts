import type { Configuration } from '../../../domain/configuration.js';
import { messageOf } from '../../../domain/errors.js';
import { formatSize } from '../../../domain/quantity.js';
import type { standaloneActivities } from '../../temporal/standalone-activities.js';
import { fail, ok, warn, type Finding } from './finding.js';

type Activities = ReturnType<typeof standaloneActivities>;

/** s for a site or storage to answer. */
const PATIENCE = 5;
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

/** Every configured storage answers and has room. */
export async function checkStorages(
  { storages }: Configuration,
  activities: Activities,
): Promise<Finding[]> {
  return Promise.all(
    storages.map(async ({ name }) => {
      const check = `storage ${name}`;
      try {
        const { free, total } = await activities.storage(
          name,
          'measureSpace',
          { storage: name },
          PATIENCE,
        );
        const text = `${formatSize(free)} of ${formatSize(total)} free`;
        return free < NEARLY_FULL * total
          ? warn(check, text, 'Free space on it, or configure another one.')
          : ok(check, text);
      } catch (error) {
        return fail(
          check,
          messageOf(error),
          'Bring the storage back, or start the worker that serves it.',
        );
      }
    }),
  );
}
