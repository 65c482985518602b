import type { ProductionRow, Revision } from '../../catalog/productions.js';
import { changedFields, definitionDifference } from '../../domain/definition-content.js';

/** What a command has made of a field since the definition was submitted. */
export interface ChangeSince {
  /** `reprioritize` also where an amendment has changed the priority alone: that is no other definition. */
  readonly command: 'extend' | 'amend' | 'reprioritize';
  /** `events: 60 -> 100`. */
  readonly change: string;
}

/** What is different now from the revision that a definition was submitted as, by field; empty if nothing. */
export function changesSince(
  { priority }: Pick<ProductionRow, 'priority'>,
  submitted: Pick<Revision, 'definition'>,
  present: Pick<Revision, 'definition'>,
): ChangeSince[] {
  const before = submitted.definition;
  const now = { ...present.definition, priority };
  const lines = definitionDifference(before, now);
  return changedFields(before, now).map((field, i) => ({
    command: commandFor(field, present.definition.priority === priority),
    change: lines[i] ?? field,
  }));
}

function commandFor(field: string, isDefined: boolean): ChangeSince['command'] {
  if (field === 'events') return 'extend';
  return field === 'priority' && !isDefined ? 'reprioritize' : 'amend';
}
