import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import {
  COMMAND_KINDS,
  type CommandAnswer,
  type CommandKind,
  type PersonsCommand,
} from '../domain/command.js';
import type { ProductionProgress } from '../domain/progress.js';

/**
 * What people can send to a production, from any Temporal client, its command line or its page: each command is a signal and an update of
 * its name, with the same argument, which may be left out (`commandOfSignal` tells its forms). An update is answered with a `CommandAnswer`, and
 * fails with `FABRICA_COMMAND_REFUSED` or `FABRICA_COMMAND_INVALID`; a signal is only noted in the event log.
 *
 * - `pause`: start no more jobs; those that run go on. `resume`: go on, also after scouts that wait for approval.
 * - `reprioritize`: the priority, a whole number from 1 to 10, or `{value, reason, by}`.
 * - `extend`: `{events}` more or `{total}` in all. `finish`: start no more jobs, and complete with what there is.
 * - `amend`: `{definition}`, or `{set}` with new values by field. `comment`: the text, or `{value, by}`.
 * - `release`: try parked jobs and held blocks again; `waive`: give parked jobs up; both take `{jobs, class, site}`. `kill`: end jobs for good,
 *   something must be selected.
 * - `reprocess`: run jobs again and replace their merged files: `{jobs, files, site, since}`, or `{lost: [{storage, path}]}`. `rescout`:
 *   scout a rejected production again.
 * - `cancel`: end all jobs and remove what unfinished ones left. `clean`: remove everything of a production that has ended.
 *
 * A production that has ended may be started again with a command.
 */
export const PERSONS_COMMANDS: readonly PersonsCommand[] = COMMAND_KINDS.filter(
  (kind: CommandKind) => kind !== 'malformed',
);

type Definitions<T> = Readonly<Record<PersonsCommand, T>>;

function definitions<T>(define: (kind: PersonsCommand) => T): Definitions<T> {
  // One for each kind of command.
  return Object.fromEntries(PERSONS_COMMANDS.map((kind) => [kind, define(kind)])) as Definitions<T>;
}

export const SIGNALS = definitions((kind) => defineSignal<[unknown?]>(kind));
export const UPDATES = definitions((kind) => defineUpdate<CommandAnswer, [unknown?]>(kind));

/** How far the production is. */
export const progress = defineQuery<ProductionProgress | null>('progress');

/** From a block to its production: how far things are. At most some dozens in a block's life. */
export const blockProgress = defineSignal<[ProductionProgress]>('blockProgress');

/** From a production to its block: jobs of it wait that did not before. */
export const lookAgain = defineSignal('lookAgain');
