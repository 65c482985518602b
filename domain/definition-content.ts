import type { Definition } from './definition.js';
import { type FieldPath, fieldName, quoted } from './problem.js';

/** Comparing definitions: they are one production exactly if their canonical texts are equal. */

/** JSON with sorted keys and without undefined fields: equal content gives equal text, fit for hashing. */
export function canonicalDefinition(definition: Definition): string {
  return JSON.stringify(sorted(definition));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** What is registered as it is now: `reprioritize` changes the priority of a production, not its definition. */
export const presentDefinition = (
  registered: Definition,
  { priority }: { readonly priority: number },
): Definition => ({ ...registered, priority });

/** What is different in `b`, a line for each field: `events: 1000 -> 2000`, in the order of the names; empty if nothing. */
export function definitionDifference(a: Definition, b: Definition): string[] {
  const [before, after] = [leaves(a), leaves(b)];
  const show = (from: ReadonlyMap<string, unknown>, name: string): string =>
    from.has(name) ? quoted(from.get(name)) : '(not set)';
  return changedFields(a, b).map((name) => {
    const [old, now] = [show(before, name), show(after, name)];
    const hidden = old === now ? ' (they differ further on)' : '';
    return `${name}: ${old} -> ${now}${hidden}`;
  });
}

/** The fields that are different in `b`, by name. */
export function changedFields(a: Definition, b: Definition): string[] {
  const [before, after] = [leaves(a), leaves(b)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name) || before.has(name) !== after.has(name))
    .sort();
}

/** Every text, number and truth value of a definition by its field name. Empty lists are leaves too. */
function leaves(definition: Definition): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const walk = (value: unknown, path: FieldPath): void => {
    if (value === undefined) return;
    if (typeof value !== 'object' || value === null) found.set(fieldName(path), value);
    else if (Array.isArray(value)) value.forEach((inner, i) => walk(inner, [...path, i]));
    else for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
  };
  walk(definition, []);
  return found;
}
