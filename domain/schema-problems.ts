import type { z } from 'zod';
import {
  type FieldPath,
  fieldName,
  printable,
  type Problem,
  quoted,
  type Where,
} from './problem.js';
import {
  branches,
  branchOf,
  elsewhere,
  expectation,
  knownFields,
  type Outline,
  outlineAt,
  outlineOf,
} from './schema-outline.js';
import { nearest } from './spelling.js';
import { clause } from './clause.js';

type Issue = z.core.$ZodIssue;

interface SchemaDocument extends Pick<Where, 'numberAt'> {
  /** What messages call the whole document, e.g. `definition`. */
  readonly kind: string;
}

/** Text of our own in a schema begins so; the library's never does. */
const OWN = 'must ';

/** What a schema finds wrong with a value, in plain words; empty if nothing. */
export function schemaProblems(
  schema: z.ZodType,
  value: unknown,
  document: SchemaDocument,
): Problem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const teller = new Teller(outlineOf(schema), value, document);
  const told = result.error.issues.flatMap((issue) => teller.tell(issue, fieldPath(issue.path)));
  const seen = new Set<string>();
  return told.filter((one) => {
    const key = `${JSON.stringify(one.path)} ${one.text}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

const fieldPath = (path: readonly PropertyKey[]): FieldPath =>
  path.map((part) => (typeof part === 'symbol' ? String(part) : part));

class Teller {
  constructor(
    readonly outline: Outline,
    readonly value: unknown,
    readonly document: SchemaDocument,
  ) {}

  tell(issue: Issue, path: FieldPath): Problem[] {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => this.#unknown(path, key));
    }
    if (!this.#has(path)) return [this.#missing(path)];
    if (issue.code === 'invalid_union') return this.#noBranch(issue, path);
    const own = issue.message.startsWith(OWN) ? issue.message : undefined;
    return [this.#wrong(path, own)];
  }

  #unknown(path: FieldPath, key: string): Problem {
    const outline = outlineAt(this.outline, path) ?? {};
    const alternative = branchOf(outline, this.#at(path));
    const known = knownFields(alternative?.branch ?? outline);
    const meant = nearest(key, known);
    const other = elsewhere(this.outline, key);
    let place = path.length === 0 ? `the ${this.document.kind}` : 'this mapping';
    if (alternative !== null) place = `a mapping with ${alternative.by}`;
    let remedy = `remove it; the fields of ${place} are ${known.join(', ')}`;
    if (meant !== null) remedy = `did you mean ${meant}?`;
    else if (other !== null) remedy = `did you mean ${other}?`;
    return { path: [...path, key], text: `is no field of ${place}`, remedy };
  }

  #missing(path: FieldPath): Problem {
    const { description, ...outline } = outlineAt(this.outline, path) ?? {};
    const meaning = description === undefined ? '' : `: ${clause(description)}`;
    return { path, text: 'is missing', remedy: `add it, ${expectation(outline)}${meaning}` };
  }

  #wrong(path: FieldPath, own: string | undefined): Problem {
    const outline = outlineAt(this.outline, path) ?? {};
    const got = this.#at(path);
    const number = this.document.numberAt?.(path);
    const written = number === undefined ? quoted(got) : printable(number);
    const expected = own ?? `${OWN}be ${expectation(outline)}`;
    // Somebody may have written the secret itself.
    if (path[0] === 'credentials')
      return { path, text: expected, remedy: this.#remedy(path, outline) };
    const text = `${expected} (got ${written})`;
    const kind = wrongKind(outline, got, written) ?? this.#range(path, outline, got);
    return { path, text, remedy: kind ?? this.#remedy(path, outline) };
  }

  /** What to write for numbers from one to another where one number belongs; null for anything else. */
  #range(path: FieldPath, outline: Outline, got: unknown): string | null {
    const found = typeof got === 'string' ? /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(got) : null;
    const [, a = '', b = ''] = found ?? [];
    if (a === '' || !isNumber(outline)) return null;
    if (this.document.kind !== 'definition') return 'write one number';
    const [from, to] = Number(a) <= Number(b) ? [a, b] : [b, a];
    return `write one number; a range is an axis of a campaign's matrix: ${fieldName(path)}: ${from}-${to}`;
  }

  #remedy(path: FieldPath, outline: Outline): string {
    if (path.length === 0) return 'begin the file with a field, such as `name: ...`';
    const meaning = outline.description ?? this.#above(path);
    const what = meaning === undefined ? '' : `; it is: ${clause(meaning)}`;
    return `correct it${leftOut(outline.default)}${what}`;
  }

  /** Entries of lists have no description of their own: the list's tells. */
  #above(path: FieldPath): string | undefined {
    return typeof path.at(-1) === 'number'
      ? outlineAt(this.outline, path.slice(0, -1))?.description
      : undefined;
  }

  /**
   * Of alternatives, those are told about that the value was probably meant as: a mapping's fields one by one. A value of
   * none of them gets the sentence that the schema has for the whole.
   */
  #noBranch(issue: z.core.$ZodIssueInvalidUnion, path: FieldPath): Problem[] {
    const meant = issue.errors.filter((inner) => inner.some((one) => one.path.length > 0));
    const [only] = meant;
    if (only !== undefined && meant.length === 1) {
      return only.flatMap((inner) => this.tell(inner, [...path, ...fieldPath(inner.path)]));
    }
    const own = [issue, ...issue.errors.flat()].find((one) => one.message.startsWith(OWN));
    return [this.#wrong(path, own?.message)];
  }

  #has(path: FieldPath): boolean {
    return path.length === 0 || this.#at(path) !== undefined;
  }

  #at(path: FieldPath): unknown {
    let value = this.value;
    for (const part of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) {
        return undefined;
      }
      value = (value as Record<string | number, unknown>)[part];
    }
    return value;
  }
}

const isNumber = ({ type }: Outline): boolean => type === 'integer' || type === 'number';

/** What to write for the right value of a wrong kind: a number for a text, a text for a number, one value for a list; null for anything else. */
function wrongKind(outline: Outline, got: unknown, written: string): string | null {
  const scalar = typeof got === 'number' || typeof got === 'boolean';
  if (scalar && outline.type === 'string') return `put it in quotes: '${written}'`;
  const isList = [outline, ...branches(outline)].some(({ type }) => type === 'array');
  if (scalar && isList) return `write [${written}]`;
  const digits = typeof got === 'string' && /^-?\d+(\.\d+)?$/.test(got.trim());
  return digits && isNumber(outline) ? `write it without quotes: ${got.trim()}` : null;
}

/** What becomes of a field that is left out; an empty default is explained by the description. */
function leftOut(standard: unknown): string {
  if (standard === '') return ', or leave it out';
  return standard === undefined || typeof standard === 'object'
    ? ''
    : `, or leave it out for ${quoted(standard)}`;
}
