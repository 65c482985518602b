import type { FieldPath, Problem } from './problem.js';
import { quoted } from './problem.js';

/** Fields of definitions as campaign files name and set them. */

/** A value that a place of the campaign file gives to a field. */
export interface Setting {
  readonly field: readonly string[];
  readonly value: unknown;
  /** Where the file says so. */
  readonly from: FieldPath;
}

/** A definition that is not checked yet. */
export type Draft = Readonly<Record<string, unknown>>;

const FIELD = /^[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z][A-Za-z0-9-]*)*$/;

/** What a campaign gives each production in another way. */
const GIVEN: Readonly<Partial<Record<string, string>>> = {
  name: 'remove it: the template `name` of the campaign names its productions',
  'dataset.campaign': 'remove it: `campaign` gives it to all productions',
};

/** The settings of a mapping; what its mappings hold is set field by field. */
export function settingsOf(
  values: Readonly<Record<string, unknown>>,
  from: FieldPath,
  problems: Problem[],
): Setting[] {
  return leavesOf(values, from, problems).filter((one) => {
    const remedy = GIVEN[one.field.join('.')];
    if (remedy === undefined) return true;
    problems.push({ path: one.from, text: 'can not be set here', remedy });
    return false;
  });
}

/** The fields that a mapping names, with their values. */
export function leavesOf(
  values: Readonly<Record<string, unknown>>,
  from: FieldPath,
  problems: Problem[],
  above: readonly string[] = [],
): Setting[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = [...from, key];
    const named = fieldOf(key, path, problems);
    if (named === null) return [];
    const field = [...above, ...named];
    return isMapping(value)
      ? leavesOf(value, path, problems, field)
      : [{ field, value, from: path }];
  });
}

/** The parts of a field's name; null, with a problem, for what can be none. */
export function fieldOf(name: string, path: FieldPath, problems: Problem[]): string[] | null {
  if (name.length <= 200 && FIELD.test(name)) return name.split('.');
  problems.push({
    path,
    text: `must be the name of a field (got ${quoted(name)})`,
    remedy: 'write it as in messages: dataset.eventType, fabrication.limits.memory',
  });
  return null;
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The draft with one field set; the given one stays as it is. */
export function withField(draft: unknown, field: readonly string[], value: unknown): unknown {
  const [key, ...rest] = field;
  if (key === undefined) return value;
  const before = isMapping(draft) ? draft : {};
  const inner = Object.hasOwn(before, key) ? before[key] : undefined;
  return { ...before, [key]: withField(inner, rest, value) };
}

/** What a draft has at a field; undefined if nothing. */
export function fieldValue(draft: unknown, field: readonly string[]): unknown {
  let value = draft;
  for (const key of field) {
    if (!isMapping(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}
