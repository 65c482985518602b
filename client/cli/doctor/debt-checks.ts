import type { Catalog } from '../../../catalog/catalog.js';
import { debtsByStorage } from '../../../catalog/views/debt-list.js';
import { counted, timeText } from '../text.js';
import { ok, warn, type Finding } from './finding.js';

/** Nothing waits to be removed from storages that did not answer. */
export async function checkDebts(catalog: Catalog): Promise<Finding[]> {
  const debts = await catalog.read((db) => debtsByStorage(db));
  if (debts.length === 0) return [ok('debts', 'nothing waits to be removed')];
  return debts.map((one) =>
    warn(
      `debts on ${one.storage}`,
      `${counted(one.debts, 'path')} to be removed, the oldest since ${timeText(one.since)}` +
        `${one.tries === 0 ? '' : `; tried ${counted(one.tries, 'time')} in a row`}${one.reason === '' ? '' : `: ${one.reason}`}`,
      'They are removed when the storage answers again; `fabrica debts` lists them, `fabrica janitor` tries now.',
    ),
  );
}
