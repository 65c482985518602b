import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { forgetLists, stagedList } from '../../catalog/input-lists.js';
import { fixInputs, forgetInputs, inputPlaces, noteSources } from '../../catalog/input-sets.js';
import { recordWork, type ProductionRow } from '../../catalog/productions.js';
import { counted } from '../../domain/counted.js';
import type { Definition } from '../../domain/definition.js';
import { INPUT_ROLES } from '../../domain/input-definition.js';
import { shareStorages } from '../../policy/input-grouping.js';
import { readFiles } from './input-lookup.js';
import { listsOf } from './list-staging.js';

/** Fixes what a registered definition reads, in the caller's transaction: afterwards the production knows its files and events. Throws `FABRICA_INPUT_INVALID`. */
export async function fixDefinedInputs(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  now: number,
): Promise<void> {
  const sets = await readFiles(db, definition);
  for (const role of INPUT_ROLES) {
    const set = sets.find((one) => one.role === role);
    if (set === undefined) {
      await forgetInputs(db, production.id, role);
      continue;
    }
    const places = await inputPlaces(db, set.source);
    const choices =
      role === 'input'
        ? shareStorages(places)
        : places.map(({ storages }) => ({ storages, storage: '', turn: 0 }));
    await fixInputs(db, production.id, role, set.source, choices);
  }
  const sources = await noteSources(db, production.id);
  const lists = listsOf(definition).map(({ list }) => stagedList(definition.name, list.lfn));
  if (lists.length > 0) await forgetLists(db, lists, 0);
  const input = sets.find(({ role }) => role === 'input');
  await recordWork(db, production, {
    events: definition.events ?? input?.totals.events ?? 0,
    inputs: input?.totals.files ?? 0,
  });
  for (const { notes, role, totals } of sets) {
    await recordEvent(db, {
      at: now,
      who: 'fabrica',
      production: production.id,
      what: `${role} fixed: ${counted(totals.files, 'file')}, ${counted(totals.events, 'event')}`,
      why: [
        `of ${sources.slice(0, 10).join(', ')}${sources.length > 10 ? ` and ${sources.length - 10} more` : ''}`,
        ...(totals.empty === 0 ? [] : [`${counted(totals.empty, 'file')} without events left out`]),
        ...notes,
      ].join('; '),
      data: { ...totals, sources: sources.slice(0, 1000) },
    });
  }
}
