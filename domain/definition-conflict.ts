import type { Definition } from './definition.js';
import { definitionDifference } from './definition-content.js';
import { FabricaError } from './errors.js';
import type { ProductionState } from './states/production.js';

/** Every state but that in which a production takes a new revision. */
type TakenState = Exclude<ProductionState, 'Rejected'>;

/** The error for a definition whose name another one has already: the difference, and what can be done in the state of that one. */
export function definitionConflict(
  production: { readonly name: string; readonly state: TakenState },
  registered: Definition,
  given: Definition,
): FabricaError {
  const { name, state } = production;
  const lines = definitionDifference(registered, given).map((line) => `  ${line}`);
  return new FabricaError(
    'FABRICA_DEFINITION_CONFLICT',
    `Production ${name} is registered (${state}) with another definition; registered -> given:\n${lines.join('\n')}\n`,
    { production: name },
    { remedy: remedyIn(state, name, presentValue(registered, given)) },
  );
}

const OTHER_NAME = 'Give the definition another name';

/** `` (`events: 70000`) ``: a field that differs, as it is registered; empty if it is not set there. */
function presentValue(registered: Definition, given: Definition): string {
  const [first = ''] = definitionDifference(registered, given);
  const [value = ''] = first.split(' -> ');
  return value === '' || value.endsWith('(not set)') ? '' : ` (\`${value}\`)`;
}

/** What a person can do instead. */
function remedyIn(state: TakenState, name: string, present: string): string {
  switch (state) {
    case 'New':
    case 'Scouting':
    case 'AwaitingApproval':
    case 'Active':
    case 'Stopped':
    case 'Held':
    case 'Completing':
      return `Write what is registered${present}, or change that with \`fabrica extend ${name}\` (events) or \`fabrica amend ${name}\`. ${OTHER_NAME} if it is another production; if it is to replace ${name}, end that one with \`fabrica cancel ${name}\`.`;
    case 'Completed':
      return `Write what is registered${present}, or make more events with \`fabrica extend ${name}\`. ${OTHER_NAME} if it is another production.`;
    case 'Cancelling':
    case 'Cancelled':
    case 'Cleaning':
    case 'Cleaned':
    case 'Archived':
      return `${OTHER_NAME}: ${name} has ended, and its name is not given again.`;
  }
}
