import type { Command, CommandKind } from '../domain/command.js';
import { printable, quoted } from '../domain/problem.js';
import { SELECTION_FIELDS, selects } from '../domain/selection.js';
import { nearest } from '../domain/spelling.js';
import { PERSONS_COMMANDS } from './messages.js';
import { isMalformed } from './payload-converter.js';

/** Characters of a reason that are kept, and of an input that is shown. */
const LONGEST = 500;

/** Kinds whose input may be one bare value, which is no reason. */
const VALUED: readonly CommandKind[] = ['reprioritize', 'comment'];

/** What every command may say beside its own fields; `why` and `who` are other words for the first two. */
const SAID = ['reason', 'by', 'id'] as const;
const OTHER_WORDS = ['why', 'who'] as const;

/** The fields of a kind of command besides `reason`, `by` and `id`. */
function fieldsOf(kind: CommandKind): readonly string[] {
  if (selects(kind)) return SELECTION_FIELDS[kind];
  if (VALUED.includes(kind)) return ['value'];
  if (kind === 'extend') return ['events', 'total'];
  if (kind === 'amend') return ['definition', 'set'];
  return [];
}

/**
 * What a signal or an update asks for. `reprioritize` and `comment` take the value or `{value, reason, by}`, the others nothing, a reason or
 * `{reason, by}`, some with fields of their own (`fieldsOf`); `why` and `who` mean the same. An `id` makes sure that the same command is not
 * carried out twice. An input that is none of these becomes `malformed`, which is noted and refused: its text is not lost, and
 * nothing is done that was not understood.
 */
export function commandOfSignal(kind: CommandKind, input: unknown): Command {
  if (isMalformed(input)) return malformed(kind, input.malformed);
  if (input === undefined || input === null) return { kind, who: SOMEBODY, why: '' };
  const unknown = isMapping(input) ? unknownField(kind, input) : null;
  if (unknown !== null) return malformed(kind, unknown);
  if (VALUED.includes(kind)) {
    const { value, ...said } = isMapping(input) ? input : { value: input };
    const words = wordsOf({ reason: '', ...said });
    return words === null ? malformed(kind, misfit(kind, input)) : { kind, value, ...words };
  }
  if (typeof input === 'string') return { kind, who: SOMEBODY, why: input.slice(0, LONGEST) };
  const { select, said } = partsOf(kind, input);
  const words = wordsOf(select === undefined ? said : { reason: '', ...(said as object) });
  if (words === null) return malformed(kind, misfit(kind, input));
  return { kind, ...words, ...(select === undefined ? {} : { select }) };
}

/** What becomes of a signal of a name that no command has: noted and refused, with the names that there are. */
export function unknownSignal(name: string): Command {
  const meant = nearest(name, PERSONS_COMMANDS);
  const guess = meant === null ? '' : `did you mean ${meant}? `;
  const why = `no signal is named ${quoted(name)}; ${guess}there are ${PERSONS_COMMANDS.join(', ')}`;
  return { kind: 'malformed', who: SOMEBODY, why };
}

/** The fields that are the kind's own, and the others. */
function partsOf(
  kind: CommandKind,
  input: unknown,
): { select: Readonly<Record<string, unknown>> | undefined; said: unknown } {
  const fields = fieldsOf(kind);
  if (fields.length === 0 || !isMapping(input)) return { select: undefined, said: input };
  const entries = Object.entries(input);
  const chosen = entries.filter(([field]) => fields.includes(field));
  return {
    select: chosen.length === 0 ? undefined : Object.fromEntries(chosen),
    said: Object.fromEntries(entries.filter(([field]) => !fields.includes(field))),
  };
}

/** Who is meant where nobody is named. */
const SOMEBODY = 'temporal';

function malformed(kind: CommandKind, why: string): Command {
  return { kind: 'malformed', who: SOMEBODY, why: `${kind}: ${why}` };
}

/** What is wrong with a mapping that has a field that the kind of command does not know; null if it has none. */
function unknownField(kind: CommandKind, input: Readonly<Record<string, unknown>>): string | null {
  const fields = [...fieldsOf(kind), ...SAID];
  const known: readonly string[] = [...fields, ...OTHER_WORDS];
  const wrong = Object.keys(input).filter((field) => !known.includes(field));
  const [first] = wrong;
  if (first === undefined) return null;
  const meant = wrong.length === 1 ? nearest(first, fields) : null;
  const guess = meant === null ? '' : `did you mean ${meant}? `;
  return `${wrong.slice(0, MOST_TOLD).map(quoted).join(', ')} is no field of it; ${guess}it takes ${fields.join(', ')}`;
}

/** Wrong fields that are named. */
const MOST_TOLD = 3;

function misfit(kind: CommandKind, input: unknown): string {
  const own = fieldsOf(kind).map((field) => `"${field}": ..., `);
  const shown = printable(JSON.stringify(input), LONGEST);
  return `its input must be a text or {${own.join('')}"reason": "...", "by": "..."}, not ${shown}`;
}

/** Null if there is no reason, or anything that is no text or no part of a request. */
function wordsOf(input: unknown): { who: string; why: string; id?: string } | null {
  if (!isMapping(input)) return null;
  const { by, who = by ?? SOMEBODY, reason, why = reason, id, ...rest } = input;
  if (Object.keys(rest).length > 0 || typeof who !== 'string' || typeof why !== 'string') {
    return null;
  }
  if (id !== undefined && typeof id !== 'string') return null;
  return {
    who: who.slice(0, LONGEST),
    why: why.slice(0, LONGEST),
    ...(id === undefined ? {} : { id: id.slice(0, LONGEST) }),
  };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
