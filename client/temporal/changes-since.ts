import type { ProductionRow, Revision } from '../../catalog/productions.js';
import type { Definition } from '../../domain/definition.js';
import {
  changedFields,
  definitionDifference,
  presentDefinition,
} from '../../domain/definition-content.js';

/** What a command has made of a field since the definition was submitted. */
export interface ChangeSince {
  /** `reprioritize` also where an amendment has changed the priority alone: that is no other definition. */
  readonly command: 'extend' | 'amend' | 'reprioritize';
  /** `events: 60 -> 100`. */
  readonly change: string;
}

/** What is different now from what a definition was submitted as, by field; empty if nothing. */
export function changesSince(
  production: Pick<ProductionRow, 'priority'>,
  submitted: Definition,
  { definition }: Pick<Revision, 'definition'>,
): ChangeSince[] {
  const now = presentDefinition(definition, production);
  const lines = definitionDifference(submitted, now);
  return changedFields(submitted, now).map((field, i) => ({
    command: commandFor(field, definition.priority === production.priority),
    change: lines[i] ?? field,
  }));
}

function commandFor(field: string, isDefined: boolean): ChangeSince['command'] {
  if (field === 'events') return 'extend';
  return field === 'priority' && !isDefined ? 'reprioritize' : 'amend';
}
