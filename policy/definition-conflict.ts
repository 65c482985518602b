import type { Definition } from '../domain/definition.js';
import { definitionDifference } from '../domain/definition-content.js';
import { FabricaError } from '../domain/errors.js';
import type { ProductionState } from '../domain/states/production.js';
import { amendableFields, besideGiven } from './amendment.js';
import { statesTaking } from './command-rules.js';

/** Every state but that in which a production takes a new revision. */
type TakenState = Exclude<ProductionState, 'Rejected'>;

/** What of a production decides what can be done about a definition that is not its own. */
interface ConflictCase {
  readonly name: string;
  readonly state: TakenState;
  /** That it has now. */
  readonly priority: number;
  /** Its scouts are judged. */
  readonly verdict: boolean;
}

/** The error for a definition whose name another one has already: the difference from what it is now, and what can be done in the state of that one. */
export function definitionConflict(
  production: ConflictCase,
  submitted: Definition,
  given: Definition,
): FabricaError {
  const { name, state } = production;
  const registered = besideGiven(submitted, given, production);
  const lines = definitionDifference(registered, given).map((line) => `  ${line}`);
  return new FabricaError(
    'FABRICA_DEFINITION_CONFLICT',
    `Production ${name} is registered (${state}) with another definition; registered -> given:\n${lines.join('\n')}\n`,
    { production: name },
    { remedy: remedyFor(production, registered, given) },
  );
}

const OTHER_NAME = 'Give the definition another name';

/** `` (`events: 70000`) ``: a field that differs, as it is registered; empty if it is not set there. */
function presentValue(registered: Definition, given: Definition): string {
  const [first = ''] = definitionDifference(registered, given);
  const [value = ''] = first.split(' -> ');
  return value === '' || value.endsWith('(not set)') ? '' : ` (\`${value}\`)`;
}

/** The commands that make what is registered more like what is given, each only where it would be taken. */
function waysThere(
  { name, state, verdict }: ConflictCase,
  was: Definition,
  now: Definition,
): string[] {
  const more = was.events !== undefined && now.events !== undefined && now.events > was.events;
  const fields = amendableFields(was, now, { verdict });
  return [
    ...(more && statesTaking('extend').includes(state)
      ? [`\`fabrica extend ${name}\` (events)`]
      : []),
    ...(fields.length > 0 && statesTaking('amend').includes(state)
      ? [`\`fabrica amend ${name}\` (${firstOf(fields)})`]
      : []),
  ];
}

/** Fields that are named. */
const MOST_FIELDS = 5;

const firstOf = (fields: readonly string[]): string =>
  `${fields.slice(0, MOST_FIELDS).join(', ')}${fields.length > MOST_FIELDS ? '...' : ''}`;

/** What a person can do instead. */
function remedyFor(production: ConflictCase, registered: Definition, given: Definition): string {
  const { name, state } = production;
  const ways = waysThere(production, registered, given);
  const change = ways.length === 0 ? '' : `, or change that with ${ways.join(' and ')}`;
  const write = `Write what is registered${presentValue(registered, given)}${change}. ${OTHER_NAME} if it is another production`;
  switch (state) {
    case 'New':
    case 'Scouting':
    case 'AwaitingApproval':
    case 'Active':
    case 'Stopped':
    case 'Held':
    case 'Completing':
      return `${write}; if it is to replace ${name}, end that one with \`fabrica cancel ${name}\`.`;
    case 'Completed':
      return `${write}.`;
    case 'Cancelling':
    case 'Cancelled':
    case 'Cleaning':
    case 'Cleaned':
    case 'Archived':
      return `${OTHER_NAME}: ${name} has ended, and its name is not given again.`;
  }
}
