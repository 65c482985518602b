import type { ProductionRow } from '../../catalog/productions.js';
import type {
  CommandAnswer,
  CommandKind,
  CommandOutcome,
  Refusal,
  WithdrawalPlaces,
} from '../../domain/command.js';
import { ERRORS, FabricaError } from '../../domain/errors.js';
import type { ProductionState } from '../../domain/states/production.js';
import type { CommandCase } from '../../policy/command-rules.js';
import { clause } from '../../domain/clause.js';

/** What a command has come to. */
export interface CommandEffect {
  readonly outcome: CommandOutcome;
  /** What was done, or why nothing was. */
  readonly message: string;
  readonly refusal?: Refusal;
  /** Blocks in which jobs run again: their workflows must look again. */
  readonly reopened?: readonly number[];
  /** Sites at which no job of it starts any more that has not. */
  readonly withdrawFrom?: WithdrawalPlaces;
}

export const done = (message: string): CommandEffect => ({ outcome: 'done', message });
export const already = (message: string): CommandEffect => ({ outcome: 'already', message });

/** The state of the production does not allow it. */
export const refused = (message: string, remedy: string): CommandEffect => ({
  outcome: 'refused',
  message,
  refusal: { code: 'FABRICA_COMMAND_REFUSED', remedy },
});

/** No state would allow it. */
export const invalid = (
  message: string,
  remedy: string = ERRORS.FABRICA_COMMAND_INVALID.remedy,
): CommandEffect => ({
  outcome: 'refused',
  message,
  refusal: { code: 'FABRICA_COMMAND_INVALID', remedy },
});

/** A refusal as the error of whoever asked. */
export function refusedError(
  production: string,
  command: CommandKind,
  { message, refusal }: CommandEffect,
): FabricaError {
  const { code = 'FABRICA_COMMAND_REFUSED', ...more } = refusal ?? {};
  return new FabricaError(
    code,
    `${command} of ${production} is refused: ${clause(message)}.`,
    { production },
    more,
  );
}

/** The production is in the state that the command leads to. */
export const inThatState = ({ state }: Pick<ProductionRow, 'state'>): CommandEffect =>
  already(`it is ${state} already`);

/** What a person is told: the effect of a command on a production that was in state `from`, and how it is now. */
export function answerOf(
  production: Pick<ProductionRow, 'name' | 'state' | 'priority' | 'reason'>,
  command: CommandKind,
  { message, outcome, refusal }: CommandEffect,
  from: ProductionState,
): CommandAnswer {
  const { name, priority, reason, state } = production;
  return {
    ...{ production: name, command, outcome, message, from, state, priority, reason },
    ...(refusal === undefined ? {} : { refusal }),
  };
}

/** A production as `commandAllowed` sees it. */
export function commandCase(
  production: Pick<ProductionRow, 'name' | 'state' | 'resume_state' | 'finish'>,
): CommandCase {
  const { finish, name, resume_state, state } = production;
  return { name, state, resumeState: resume_state, finish };
}
