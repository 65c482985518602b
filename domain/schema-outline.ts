import { z } from 'zod';
import { type FieldPath, fieldName } from './problem.js';

/** The part of JSON Schema that our schemas produce: what error messages need to know about a field. */
export interface Outline {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Outline>>;
  /** Of mappings with keys of any name: what stands at each. */
  readonly additionalProperties?: Outline | boolean;
  readonly items?: Outline;
  readonly anyOf?: readonly Outline[];
  readonly oneOf?: readonly Outline[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** The outline of what a person may write for this schema. */
export function outlineOf(schema: z.ZodType): Outline {
  return z.toJSONSchema(schema, { io: 'input', reused: 'inline' }) as Outline;
}

/** The alternatives that a field may be. */
export const branches = (outline: Outline): readonly Outline[] =>
  outline.anyOf ?? outline.oneOf ?? [];

/** The outline of a field, or undefined if there is no such field. Of alternatives, the first that has it; of what tells them apart, all values. */
export function outlineAt(outline: Outline, path: FieldPath): Outline | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return outline;
  const found = [outline, ...branches(outline)].flatMap((one) => {
    const next = typeof first === 'number' ? one.items : ownProperty(one, first);
    return (next === undefined ? undefined : outlineAt(next, rest)) ?? [];
  });
  return found.length > 1 && found.every((one) => one.const !== undefined)
    ? { ...found[0], const: undefined, enum: found.map((one) => one.const) }
    : found[0];
}

/** Of alternatives that a field tells apart, the one that the value is by it, with that field; null if there are none, or it is none. */
export function branchOf(
  outline: Outline,
  value: unknown,
): { readonly branch: Outline; readonly by: string } | null {
  if (typeof value !== 'object' || value === null) return null;
  for (const branch of branches(outline)) {
    for (const [key, { const: constant }] of Object.entries(branch.properties ?? {})) {
      if (constant === undefined || !Object.hasOwn(value, key)) continue;
      if (Reflect.get(value, key) === constant)
        return { branch, by: `${key}: ${JSON.stringify(constant).replaceAll('"', '')}` };
    }
  }
  return null;
}

function ownProperty(outline: Outline, key: string): Outline | undefined {
  const { additionalProperties: others, properties = {} } = outline;
  if (Object.hasOwn(properties, key)) return properties[key];
  return typeof others === 'object' ? others : undefined;
}

/** Names of the fields that a mapping may have. */
export function knownFields(outline: Outline | undefined): string[] {
  if (outline === undefined) return [];
  return [outline, ...branches(outline)].flatMap((one) => Object.keys(one.properties ?? {}));
}

/** Where else in the whole schema a field of exactly this name is: `dataset.campaign` for `campaign`; null if nowhere. */
export function elsewhere(outline: Outline, field: string, above: FieldPath = []): string | null {
  for (const [key, inner] of Object.entries(outline.properties ?? {})) {
    if (key === field) return fieldName([...above, key]);
    const found = elsewhere(inner, field, [...above, key]);
    if (found !== null) return found;
  }
  return null;
}

/** What a field must be, in words: `a whole number from 1 to 10`, `true or false`, `a list of 1 to 256`. */
export function expectation(outline: Outline): string {
  if (outline.const !== undefined) return `'${JSON.stringify(outline.const).replaceAll('"', '')}'`;
  if (outline.enum !== undefined) return outline.enum.map((one) => `'${String(one)}'`).join(' or ');
  switch (outline.type) {
    case 'integer':
      return `a whole number${span(wholeMinimum(outline), outline.maximum)}`;
    case 'number':
      return `a number${span(outline.minimum, outline.maximum)}${above(outline)}`;
    case 'string':
      return `text${span(outline.minLength, outline.maxLength, ' characters')}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${span(outline.minItems, outline.maxItems, ' entries')}`;
    case 'object':
      return 'a mapping of fields';
    default:
      return branches(outline).map(expectation).join(' or ') || 'something else';
  }
}

const above = (outline: Outline): string =>
  outline.exclusiveMinimum === undefined ? '' : ` above ${outline.exclusiveMinimum}`;

const wholeMinimum = ({ minimum, exclusiveMinimum }: Outline): number | undefined =>
  exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1;

/** The range of a number, a length or a count. Bounds at the edge of exact numbers are the library's, not ours. */
function span(from: number | undefined, to: number | undefined, unit = ''): string {
  const [low, high] = [from, to].map((n) =>
    n === undefined || Math.abs(n) >= Number.MAX_SAFE_INTEGER ? undefined : n,
  );
  const of = unit === '' ? ' from' : ' of';
  if (low !== undefined && high !== undefined) return `${of} ${low} to ${high}${unit}`;
  if (low !== undefined) return unit === '' ? ` of at least ${low}` : ` of at least ${low}${unit}`;
  if (high !== undefined) return ` of at most ${high}${unit}`;
  return '';
}
