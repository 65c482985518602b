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
    { remedy: remedyIn(state, name) },
  );
}

const OTHER_NAME = 'Give the definition another name';

/** What a person can do instead. */
function remedyIn(state: TakenState, name: string): string {
  switch (state) {
    case 'New':
    case 'Scouting':
    case 'AwaitingApproval':
    case 'Active':
    case 'Stopped':
    case 'Held':
    case 'Completing':
      return `${OTHER_NAME}; if it is to replace ${name}, end that one with \`fabrica cancel ${name}\`.`;
    case 'Completed':
      return `${OTHER_NAME}: ${name} is finished, and its events stay as they are.`;
    case 'Cancelling':
    case 'Cancelled':
    case 'Cleaning':
    case 'Cleaned':
    case 'Archived':
      return `${OTHER_NAME}: ${name} has ended, and its name is not given again.`;
  }
}
