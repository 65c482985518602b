import type { Command, CommandKind } from '../domain/command.js';
import { printable } from '../domain/problem.js';
import { SELECTION_FIELDS, selects } from '../domain/selection.js';
import { isMalformed } from './payload-converter.js';

/** Characters of a reason that are kept, and of an input that is shown. */
const LONGEST = 500;

/**
 * What a signal asks for. `reprioritize` takes the number or `{value, reason, by}`, the others nothing, a reason or `{reason, by}`, some with
 * the fields that select jobs (`domain/selection.ts`); `why` and `who` mean the same. An input that is none of these becomes `malformed`, which is noted and refused: its text is not lost, and
 * nothing is done that was not understood.
 */
export function commandOfSignal(kind: CommandKind, input: unknown): Command {
  if (isMalformed(input)) return malformed(kind, input.malformed);
  if (input === undefined || input === null) return { kind, who: SOMEBODY, why: '' };
  if (kind === 'reprioritize') {
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

/** The fields that select jobs, for the kinds of requests that know them, and the others. */
function partsOf(
  kind: CommandKind,
  input: unknown,
): { select: Readonly<Record<string, unknown>> | undefined; said: unknown } {
  if (!selects(kind) || !isMapping(input)) return { select: undefined, said: input };
  const fields: readonly string[] = SELECTION_FIELDS[kind];
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
function wordsOf(input: unknown): { who: string; why: string } | null {
  if (!isMapping(input)) return null;
  const { by, who = by ?? SOMEBODY, reason, why = reason, ...rest } = input;
  if (Object.keys(rest).length > 0 || typeof who !== 'string' || typeof why !== 'string') {
    return null;
  }
  return { who: who.slice(0, LONGEST), why: why.slice(0, LONGEST) };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
