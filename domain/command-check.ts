import type { Command } from './command.js';
import { printable, quoted } from './problem.js';
import { parseSelection, selects } from './selection.js';

/** Characters of a comment. */
export const LONGEST_COMMENT = 2000;
/** Events of a production. */
export const MOST_EVENTS = 1e12;
/** Bytes of JSON that an amendment may have, about. */
const LARGEST_AMENDMENT = 500_000;

/**
 * Why a command can not be carried out whatever the state of its production; null if it may be. Workflows refuse updates by it before anything
 * is recorded.
 */
export function commandProblem(command: Command): string | null {
  const { kind, select, value, why } = command;
  if (kind === 'malformed') return why;
  if (kind === 'reprioritize') return priorityProblem(value);
  if (kind === 'comment') return commentProblem(value);
  if (kind === 'extend') return extensionProblem(select);
  if (kind === 'amend') return amendmentProblem(select);
  if (!selects(kind)) return null;
  const parsed = parseSelection(select);
  return 'problem' in parsed ? parsed.problem : null;
}

function priorityProblem(value: unknown): string | null {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 10) {
    return null;
  }
  return `a priority is a whole number from 1 to 10, ${given(value)}`;
}

function commentProblem(value: unknown): string | null {
  if (typeof value !== 'string') return `a comment is a text, ${given(value)}`;
  if (value.trim() === '') return 'a comment is a text, none was given';
  return value.length > LONGEST_COMMENT
    ? `a comment has at most ${LONGEST_COMMENT} characters, not ${value.length}`
    : null;
}

/** What an extension asks for: so many events more, or so many in all. */
export type Extension = { readonly events: number } | { readonly total: number };

function extensionProblem(select: unknown): string | null {
  const { events, total } = fieldsOf(select);
  if ((events === undefined) === (total === undefined)) {
    return 'an extension has either events (so many more) or total (so many in all)';
  }
  const [field, value] = events === undefined ? ['total', total] : ['events', events];
  return isCount(value)
    ? null
    : `${field} is a whole number from 1 to ${MOST_EVENTS}, ${given(value)}`;
}

/** The extension of a command that has no problem. */
export function extensionOf(select: unknown): Extension {
  const { events, total } = fieldsOf(select);
  return events === undefined ? { total: Number(total) } : { events: Number(events) };
}

/** What an amendment asks for: a whole definition, or single fields of it by their paths. */
export type Amendment =
  { readonly definition: unknown } | { readonly set: Readonly<Record<string, unknown>> };

function amendmentProblem(select: unknown): string | null {
  const { definition, set } = fieldsOf(select);
  if ((definition === undefined) === (set === undefined)) {
    return 'an amendment has either definition (the whole new one) or set (new values by field)';
  }
  if (isMapping(set) && Object.keys(set).length === 0) {
    return 'set is empty, it names no field that is to change (such as {"tolerance": 0.01})';
  }
  if (set !== undefined && !isMapping(set)) {
    return `set is a mapping such as {"tolerance": 0.01}, not ${quoted(set)}`;
  }
  if (definition !== undefined && !isMapping(definition)) {
    return `definition is a mapping of fields, not ${quoted(definition)}`;
  }
  return JSON.stringify(select).length > LARGEST_AMENDMENT
    ? `an amendment is at most ${LARGEST_AMENDMENT / 1000} kB of JSON`
    : null;
}

/** The amendment of a command that has no problem. */
export function amendmentOf(select: unknown): Amendment {
  const { definition, set } = fieldsOf(select);
  return set === undefined ? { definition } : { set: fieldsOf(set) };
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MOST_EVENTS;
}

function given(value: unknown): string {
  return value === undefined || value === null
    ? 'none was given'
    : printable(`not ${quoted(value)}`, 200);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
