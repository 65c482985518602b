import type { ProductionRow } from '../../catalog/productions.js';
import type { CommandOutcome, WithdrawalPlaces } from '../../domain/command.js';
import type { CommandCase } from '../../policy/command-rules.js';

/** What a command has come to. */
export interface CommandEffect {
  readonly outcome: CommandOutcome;
  /** What was done, or why nothing was. */
  readonly message: string;
  /** Blocks in which jobs run again: their workflows must look again. */
  readonly reopened?: readonly number[];
  /** Sites at which no job of it starts any more that has not. */
  readonly withdrawFrom?: WithdrawalPlaces;
}

export const done = (message: string): CommandEffect => ({ outcome: 'done', message });
export const already = (message: string): CommandEffect => ({ outcome: 'already', message });
export const refused = (message: string): CommandEffect => ({ outcome: 'refused', message });

/** A production as `commandAllowed` sees it. */
export function commandCase(
  production: Pick<ProductionRow, 'name' | 'state' | 'resume_state' | 'finish'>,
): CommandCase {
  const { finish, name, resume_state, state } = production;
  return { name, state, resumeState: resume_state, finish };
}
