import { type Command, Option } from 'commander';
import type { GlobalOptions } from './session.js';

const GLOBALS = [
  ['--config <file>', 'configuration file (default: FABRICA_CONFIG or ./fabrica.yaml)'],
  ['--state <dir>', 'state directory (default: FABRICA_STATE or .fabrica)'],
  [
    '--address <host:port>',
    "Temporal's address (default: TEMPORAL_ADDRESS, fabrica.yaml, or that of the running `up`)",
  ],
  ['--json', 'answer with one JSON document on stdout; errors as JSON on stderr'],
] as const;

/** The options that this file has made: others of the same name mean something else. */
const made = new WeakSet<Option>();

/**
 * Every command takes the global options, before its name and after it. Where a command has an option of the same name (`list --state` is
 * about productions), the global one must stand before it.
 */
export function addGlobalOptions(command: Command): void {
  for (const [flags, description] of GLOBALS) {
    const option = new Option(flags, description).hideHelp(command.parent !== null);
    if (command.options.some((one) => one.long === option.long)) continue;
    made.add(option);
    command.addOption(option);
  }
  for (const inner of command.commands) {
    if (inner.name() !== 'help') addGlobalOptions(inner);
  }
}

/** The global options of a call; those nearer to the end win. */
export function globalOptionsOf(command: Command): GlobalOptions {
  const above = command.parent === null ? {} : globalOptionsOf(command.parent);
  const own: Record<string, unknown> = {};
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (made.has(option) && value !== undefined) own[option.attributeName()] = value;
  }
  return { ...above, ...own };
}
