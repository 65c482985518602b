/** What a person can ask of a production, by signal. `malformed` is a signal whose payload could not be understood. */
export const COMMAND_KINDS = [
  'pause',
  'resume',
  'reprioritize',
  'cancel',
  'release',
  'waive',
  'clean',
  'kill',
  'reprocess',
  'rescout',
  'malformed',
] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

export interface Command {
  readonly kind: CommandKind;
  /** `reprioritize`: the new priority. Checked where it is carried out, not where it arrives. */
  readonly value?: unknown;
  /** The part of the jobs that is meant (`domain/selection.ts`). Checked where it is carried out. */
  readonly select?: unknown;
  readonly who: string;
  readonly why: string;
}
