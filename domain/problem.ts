import { type ErrorCode, FabricaError } from './errors.js';

/** The way to a field: keys of mappings and positions (from 0) in lists; empty for the whole document. */
export type FieldPath = readonly (string | number)[];

/** One thing that is wrong with a document. `text` says what ("must be ... (got ...)"), `remedy` what to do. */
export interface Problem {
  readonly path: FieldPath;
  readonly text: string;
  readonly remedy: string;
}

/** The file that a value was read from, with the line (from 1) of a field in it and a number as it is written there, where they are known. */
export interface Where {
  readonly file: string;
  readonly lineOf?: ((path: FieldPath) => number | undefined) | undefined;
  readonly numberAt?: ((path: FieldPath) => string | undefined) | undefined;
}

/** More problems than this are only counted: the message travels in workflow histories. */
const MOST_PROBLEMS = 50;
const LONGEST_QUOTE = 60;

/**
 * What a terminal or a log would act on instead of show: control characters (C0, C1), line separators, marks that turn
 * the direction of writing, byte order marks and halves of surrogate pairs.
 */
const UNPRINTABLE =
  /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udfff]/gu;

/** Text that is safe to print: unprintable characters become `\n`, `\t`, `\r` or `\uXXXX`; cut at 60 characters. */
export function printable(text: string, longest: number = LONGEST_QUOTE): string {
  const start = text.slice(0, 2 * longest);
  const shown = Array.from(start).slice(0, longest);
  const cut = shown.join('').length < text.length;
  return shown.join('').replace(UNPRINTABLE, escaped) + (cut ? '...' : '');
}

function escaped(character: string): string {
  const short = { '\n': '\\n', '\t': '\\t', '\r': '\\r' }[character];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A value as an error message shows it: short, on one line, harmless; text with the escapes of JSON, so that nothing looks like something else. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return `"${printable(value.replaceAll(/["\\]/g, '\\$&'))}"`;
  // JSON has no word for these.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping of fields';
  return printable(JSON.stringify(value));
}

/** `fabrication.payload[1]`; keys that are no plain words are quoted. Empty for the whole document. */
export function fieldName(path: FieldPath): string {
  let name = '';
  for (const part of path) {
    if (typeof part === 'number') name += `[${part}]`;
    else {
      const key = /^[A-Za-z0-9_-]{1,60}$/.test(part) ? part : quoted(part);
      name += name === '' ? key : `.${key}`;
    }
  }
  return name;
}

/** `file:line: field: what is wrong; what to do`, without the parts that are not known. */
export function problemLine(problem: Problem, where?: Where): string {
  const line = where?.lineOf?.(problem.path);
  const file = where === undefined ? '' : printable(where.file, 300);
  const place = file === '' ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  const field = problem.path.length === 0 ? '' : `${fieldName(problem.path)}: `;
  return `${place}${field}${problem.text}; ${problem.remedy}`;
}

/**
 * The error that tells all problems (at least one), one per line, in the order of the file. `place` is the first one's.
 * @returns a `FabricaError` of this code, to be thrown
 */
export function problemsError(
  code: ErrorCode,
  problems: readonly Problem[],
  where?: Where,
): FabricaError {
  const lines = new Map(problems.map((one) => [one, where?.lineOf?.(one.path) ?? Infinity]));
  const sorted = [...problems].sort((a, b) => {
    const [first, second] = [lines.get(a) ?? Infinity, lines.get(b) ?? Infinity];
    return first === second ? 0 : first - second;
  });
  const told = sorted.slice(0, MOST_PROBLEMS).map((one) => problemLine(one, where));
  const untold = sorted.length - told.length;
  if (untold > 0) told.push(`... and ${untold} more problems`);
  const first = sorted[0];
  const line = first === undefined ? undefined : where?.lineOf?.(first.path);
  return new FabricaError(code, told.join('\n'), {
    file: where?.file,
    line,
    field: first === undefined ? undefined : fieldName(first.path),
  });
}
