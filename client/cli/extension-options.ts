import type { Command } from 'commander';
import { MOST_EVENTS } from '../../domain/command-check.js';
import { FabricaError } from '../../domain/errors.js';
import type { ProductionRequest } from '../temporal/request.js';
import { wholeNumber } from './invocation.js';

/** How many events productions are extended by, or to. */
export interface ExtensionOptions {
  readonly events?: number;
  readonly total?: number;
}

/** `--events` and `--total`, of which one is given; `where` tells of which productions, if of many. */
export function addExtensionOptions(command: Command, where = ''): Command {
  return command
    .option('--events <n>', `so many more${where}`, wholeNumber(1, MOST_EVENTS))
    .option('--total <n>', `so many in all${where}`, wholeNumber(1, MOST_EVENTS));
}

/** What is asked of a production. Throws `FABRICA_COMMAND_LINE` unless one of both is given. */
export function extensionSelected({
  events,
  total,
}: ExtensionOptions): Pick<ProductionRequest, 'select'> {
  if ((events === undefined) === (total === undefined)) {
    throw new FabricaError(
      'FABRICA_COMMAND_LINE',
      'extend takes either --events (so many more) or --total (in all).',
    );
  }
  return { select: events === undefined ? { total } : { events } };
}
