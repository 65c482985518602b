import { AXIS_VALUES, type CampaignEntry, MAX_CAMPAIGN_PRODUCTIONS as MAX } from './campaign.js';
import { fieldOf, isMapping, leavesOf, type Setting, settingsOf } from './campaign-settings.js';
import { countNumbers, type NumberRange, parseJobNumbers } from './job-numbers.js';
import type { FieldPath, Problem } from './problem.js';
import { quoted } from './problem.js';

/** Values of one axis of a matrix; each sets one field, or several that belong together. */
export type Axis = readonly (readonly Setting[])[];

/** The axes of a matrix in the order of the file. */
export function axesOf(
  matrix: CampaignEntry['matrix'],
  path: FieldPath,
  problems: Problem[],
): Axis[] {
  if (matrix === undefined) return [];
  const entries = Object.entries(matrix);
  if (entries.length === 0) {
    problems.push({
      path,
      text: 'is empty',
      remedy: 'add a field with its values, or remove it for one production',
    });
  }
  const seen = new Set<string>();
  return entries.flatMap(([key, given]) => {
    const from = [...path, key];
    const names = key.split(',').map((name) => name.trim());
    const fields = names.map((name) => fieldOf(name, from, problems));
    for (const name of names) {
      if (!seen.has(name)) seen.add(name);
      else problems.push({ path: from, text: `names ${name} again`, remedy: 'name it once' });
    }
    const known = fields.filter((field) => field !== null);
    if (known.length < fields.length) return [];
    const values = typeof given === 'string' ? numbersOf(given, from, problems) : given;
    return [values.flatMap((value, i) => choice(known, value, [...from, i], problems))];
  });
}

/** Settings of one value of an axis; none, with a problem, if the value does not fit its fields. */
function choice(
  fields: readonly (readonly string[])[],
  value: unknown,
  from: FieldPath,
  problems: Problem[],
): Setting[][] {
  const [field] = fields;
  if (field === undefined) return [];
  if (fields.length === 1) {
    return [
      settingsOf({ [field.join('.')]: value }, from.slice(0, -1), problems).map((one) => ({
        ...one,
        from: isMapping(value) ? [...from, ...one.field.slice(field.length)] : from,
      })),
    ];
  }
  if (!Array.isArray(value) || value.length !== fields.length) {
    problems.push({
      path: from,
      text: `must be a list of ${fields.length} values, one for each field (got ${quoted(value)})`,
      remedy: 'write it as [value, value]',
    });
    return [];
  }
  return [
    fields.flatMap((one, k) => {
      const set = settingsOf({ [one.join('.')]: value[k] as unknown }, from, problems);
      return set.map((setting) => ({ ...setting, from: [...from, k] }));
    }),
  ];
}

/** Numbers from 1, as `parseJobNumbers` reads them, in order. */
function numbersOf(text: string, path: FieldPath, problems: Problem[]): number[] {
  const parsed = parseJobNumbers(text);
  if ('problem' in parsed) {
    const { reversed } = parsed;
    problems.push(
      reversed === undefined
        ? { path, text: `${AXIS_VALUES} (got ${quoted(text)})`, remedy: 'write [value, value]' }
        : {
            path,
            text: `has the range ${reversed.from}-${reversed.to}, which is reversed`,
            remedy: `write ${reversed.to}-${reversed.from}`,
          },
    );
    return [];
  }
  const count = countNumbers(parsed.ranges);
  if (count > MAX) {
    problems.push({
      path,
      text: `has ${count} values; at most ${MAX} productions are made`,
      remedy: 'divide the campaign file',
    });
    return [];
  }
  return parsed.ranges.flatMap(({ from, to }) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i),
  );
}

/** Every combination of one value of each axis; the last axis changes first. */
export function* combinations(axes: readonly Axis[]): Generator<Setting[]> {
  const [first, ...rest] = axes;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const settings of first) {
    for (const others of combinations(rest)) yield [...settings, ...others];
  }
}

/** Fields and the values that each may have. */
export type Condition = readonly {
  readonly field: readonly string[];
  readonly allows: (value: unknown) => boolean;
  /** Numbers that are written the wrong way round, and therefore are a text only. */
  readonly reversed: NumberRange | null;
}[];

/** The condition that a `where` or an `exclude` states. */
export function conditionOf(
  where: Readonly<Record<string, unknown>>,
  path: FieldPath,
  problems: Problem[],
): Condition {
  const named = leavesOf(where, path, problems);
  if (Object.keys(where).length === 0) {
    problems.push({ path, text: 'is empty', remedy: 'name a field and its value' });
  }
  return named.map(({ field, value }) => ({ field, ...allowance(value) }));
}

/** A value allows itself, a list each of its values, and a text of numbers (`1-20,35`) those numbers as well. */
function allowance(given: unknown): Pick<Condition[number], 'allows' | 'reversed'> {
  const values = new Set(
    (Array.isArray(given) ? given : [given]).map((one) => JSON.stringify(one)),
  );
  const numbers = typeof given === 'string' ? parseJobNumbers(given) : { problem: '' };
  const ranges = 'ranges' in numbers ? numbers.ranges : [];
  return {
    allows: (value) =>
      values.has(JSON.stringify(value)) ||
      (typeof value === 'number' && ranges.some(({ from, to }) => value >= from && value <= to)),
    reversed: 'problem' in numbers ? (numbers.reversed ?? null) : null,
  };
}
