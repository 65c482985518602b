import type { ZodType } from 'zod';
import { type Draft, fieldValue } from './campaign-settings.js';
import { definitionSchema } from './definition.js';
import type { FieldPath, Problem } from './problem.js';
import { printable, quoted } from './problem.js';
import { nearest } from './spelling.js';

/** `{dataset.eventType}` in names and texts of a campaign; `{dataset.run:5}` with leading zeros up to five digits. */

const IN_NAMES = /\{([^{}]*)\}/g;
/** In texts, braces with other words are a payload's own, or stand for a job's values. */
const IN_TEXTS = /\{(dataset\.[^{}:\s]*)(?::(\d{1,2}))?\}/g;

const DATASET = definitionSchema.shape.dataset.shape;
const OTHERS = ['group', 'priority', 'events', 'owner'];
const KNOWN = [...Object.keys(DATASET).map((key) => `dataset.${key}`), ...OTHERS];

/** The name that a template gives a production. What is no placeholder of a known text or number is told in `problems`. */
export function nameFrom(
  template: string,
  draft: Draft,
  path: FieldPath,
  problems: Problem[],
): string {
  return template.replace(IN_NAMES, (whole, inner: string) => {
    const [, field = '', width] = /^([^:]*)(?::(\d{1,2}))?$/.exec(inner) ?? [];
    const value = KNOWN.includes(field) ? valueOf(draft, field) : undefined;
    if (value !== undefined) return padded(value, width);
    problems.push(KNOWN.includes(field) ? valueless(path, whole) : unknown(path, whole, field));
    return whole;
  });
}

/** A name that `nameFrom` could not make whole; why is among its problems. */
export const holdsPlaceholder = (name: string): boolean => name.search(IN_NAMES) >= 0;

/** The draft with the values of its data set in every text. Texts without placeholders, and lists of them, stay the same objects. */
export function withValues(draft: Draft, problems: Problem[]): Draft {
  const walk = (value: unknown, path: FieldPath): unknown => {
    if (typeof value === 'string') {
      if (!value.includes('{dataset.')) return value;
      return value.replace(IN_TEXTS, (whole, field: string, width: string | undefined) => {
        const known = valueOf(draft, field);
        if (known !== undefined) return padded(known, width);
        if (!KNOWN.includes(field)) problems.push(unknown(path, whole, field));
        return whole;
      });
    }
    if (Array.isArray(value)) {
      const inner = value.map((one: unknown, i) => walk(one, [...path, i]));
      return inner.every((one, i) => one === value[i]) ? value : inner;
    }
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const inner = entries.map(([key, one]) => [key, walk(one, [...path, key])] as const);
    return inner.every(([, one], i) => one === entries[i]?.[1]) ? value : Object.fromEntries(inner);
  };
  return walk(draft, []) as Draft;
}

/** What the draft has there, or else the default; undefined if that is no text or number. */
function valueOf(draft: Draft, field: string): string | number | undefined {
  const given = fieldValue(draft, field.split('.')) ?? DEFAULTS[field];
  return typeof given === 'string' || typeof given === 'number' ? given : undefined;
}

/** What the fields of a data set are where they are left out. */
const DEFAULTS: Readonly<Partial<Record<string, unknown>>> = Object.fromEntries(
  Object.entries({ dataset: DATASET, '': definitionSchema.shape }).flatMap(([above, shape]) =>
    (Object.entries(shape) as [string, ZodType][]).flatMap(([key, schema]) => {
      const name = above === '' ? key : `${above}.${key}`;
      const result = KNOWN.includes(name) ? schema.safeParse(undefined) : null;
      return result?.success === true ? [[name, result.data]] : [];
    }),
  ),
);

const padded = (value: string | number, width: string | undefined): string =>
  String(value).padStart(Number(width ?? 0), '0');

const valueless = (path: FieldPath, whole: string): Problem => ({
  path,
  text: `holds ${printable(whole)}, for which there is no text or number`,
  remedy: 'give the field a value, or leave the placeholder out',
});

function unknown(path: FieldPath, whole: string, field: string): Problem {
  const meant = nearest(field, KNOWN) ?? nearest(`dataset.${field}`, KNOWN);
  return {
    path,
    text: `holds the unknown placeholder ${printable(whole)}`,
    remedy:
      meant === null
        ? `use ${KNOWN.map((name) => `{${name}}`).join(' ')}`
        : `did you mean {${meant}}?`,
  };
}

/** A field and its value, for messages: `dataset.run = 3`. */
export const settingText = (field: readonly string[], value: unknown): string =>
  `${field.join('.')} = ${quoted(value)}`;
