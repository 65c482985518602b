import type { ErrorCode } from './errors.js';
import type { ProductionState } from './states/production.js';

/** What a person can ask of a production, by update or by signal. `malformed` is a signal whose payload could not be understood. */
export const COMMAND_KINDS = [
  'pause',
  'resume',
  'reprioritize',
  'extend',
  'finish',
  'amend',
  'comment',
  'release',
  'waive',
  'kill',
  'reprocess',
  'rescout',
  'cancel',
  'clean',
  'malformed',
] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/** What a person sends; the other kind is only noted. */
export type PersonsCommand = Exclude<CommandKind, 'malformed'>;

export interface Command {
  readonly kind: CommandKind;
  /** `reprioritize`: the new priority; `comment`: the text. Checked by `commandProblem`. */
  readonly value?: unknown;
  /** The part of the jobs that is meant (`domain/selection.ts`), what an extension or an amendment changes. Checked by `commandProblem`. */
  readonly select?: unknown;
  /** Unique for ever: the same command that comes again is not carried out again. Where nobody has given one, the workflow does. */
  readonly id?: string | null;
  readonly who: string;
  readonly why: string;
}

/** `already`: it was so, and nothing has been changed. */
export const COMMAND_OUTCOMES = ['done', 'already', 'refused'] as const;
export type CommandOutcome = (typeof COMMAND_OUTCOMES)[number];

/** What a command is refused by: the state of its production, or what it says itself, whatever the state. */
export type RefusalCode = Extract<ErrorCode, 'FABRICA_COMMAND_REFUSED' | 'FABRICA_COMMAND_INVALID'>;

/** What somebody whose command is refused may do, in sentences. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly remedy: string;
}

/** What came of a command. */
export interface CommandAnswer {
  readonly production: string;
  readonly command: CommandKind;
  readonly outcome: CommandOutcome;
  /** What was done, or why nothing was. */
  readonly message: string;
  /** Before and after. */
  readonly from: ProductionState;
  readonly state: ProductionState;
  readonly priority: number;
  /** Why the production is in its state. */
  readonly reason: string;
  /** Only of one that is refused. */
  readonly refusal?: Refusal;
}

/** All sites, or these. */
export type WithdrawalPlaces = 'everywhere' | readonly string[];

/** The answer to a command, and what the workflow of the production must see to. */
export interface CommandResult extends CommandAnswer {
  /** Blocks in which jobs run again: their workflows must look again. */
  readonly reopened: readonly number[];
  /** Where what has not started is withdrawn. */
  readonly withdrawFrom: WithdrawalPlaces;
}
