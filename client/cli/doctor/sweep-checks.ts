import type { Catalog } from '../../../catalog/catalog.js';
import { sweptStorages } from '../../../catalog/views/finding-list.js';
import { counted, timeText } from '../text.js';
import { ok, warn, type Finding } from './finding.js';

/** The last sweep of each storage came to its end and found nothing that is still so. */
export async function checkSweeps(catalog: Catalog): Promise<Finding[]> {
  const storages = await catalog.read((db) => sweptStorages(db));
  return storages.map(({ open, reason, startedAt, state, storage }) => {
    const check = `sweep of ${storage}`;
    const last = startedAt === null ? 'not swept yet' : `last at ${timeText(startedAt)}`;
    if (open > 0) {
      return warn(
        check,
        `${last}: ${counted(open, 'finding')} open`,
        `\`fabrica sweep --storage ${storage}\` lists them, with --repair it repairs what it can.`,
      );
    }
    if (state !== 'Failed') return ok(check, last);
    return warn(
      check,
      `${last}, not finished: ${reason}`,
      `\`fabrica sweep --storage ${storage}\``,
    );
  });
}
