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
    const wrong = [
      ...(state === 'Failed' ? [`not finished: ${reason}`] : []),
      ...(open > 0 ? [`${counted(open, 'finding')} open`] : []),
    ];
    if (wrong.length === 0) return ok(check, last);
    return warn(
      check,
      `${last}, ${wrong.join('; ')}`,
      open > 0
        ? `\`fabrica sweep --storage ${storage}\` lists them, with --repair it repairs what it can.`
        : `\`fabrica sweep --storage ${storage}\``,
    );
  });
}
