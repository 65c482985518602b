import type { Command, CommandKind } from '../domain/command.js';
import { printable } from '../domain/problem.js';
import { SELECTION_FIELDS, selects } from '../domain/selection.js';
import { isMalformed } from './payload-converter.js';

/** Characters of a reason that are kept, and of an input that is shown. */
const LONGEST = 500;

/** Kinds whose input may be one bare value, which is no reason. */
const VALUED: readonly CommandKind[] = ['reprioritize', 'comment'];

/** The fields of a kind of command besides `reason`, `by` and `id`. */
function fieldsOf(kind: CommandKind): readonly string[] {
  if (selects(kind)) return SELECTION_FIELDS[kind];
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
  if (VALUED.includes(kind)) {
    const { value, ...said } = isMapping(input) ? input : { value: input };
    const words = wordsOf({ reason: '', ...said });
    return words === null ? malformed(kind, misfit(input)) : { kind, value, ...words };
  }
  if (typeof input === 'string') return { kind, who: SOMEBODY, why: input.slice(0, LONGEST) };
  const { select, said } = partsOf(kind, input);
  const words = wordsOf(select === undefined ? said : { reason: '', ...(said as object) });
  if (words === null) return malformed(kind, misfit(input));
  return { kind, ...words, ...(select === undefined ? {} : { select }) };
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

function misfit(input: unknown): string {
  const shown = printable(JSON.stringify(input), LONGEST);
  return `its input must be a text or {"reason": "...", "by": "..."}, not ${shown}`;
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
