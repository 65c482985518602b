import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../domain/quantity.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { globalOptionsOf } from './global-options.js';
import { Session } from './session.js';
import type { Terminal } from './terminal.js';

/** What a command does. `args` are its arguments in order; those that were left out are undefined. */
export type Body<O> = (
  session: Session,
  options: O,
  args: readonly (string | readonly string[] | undefined)[],
) => Promise<ExitCode>;

/** One call of the program: hands each command a session, and keeps the exit code. */
export class Invocation {
  exitCode: ExitCode = EXIT.ok;

  constructor(readonly terminal: Terminal) {}

  /** The body as commander's action handler. `O` is what the command's own options parse to. */
  action<O extends object>(body: Body<O>): (...given: unknown[]) => Promise<void> {
    return async (...given) => {
      // Commander hands the arguments, then the options, then the command itself.
      const command = given.at(-1) as Command;
      const args = given.slice(0, -2) as (string | string[] | undefined)[];
      const session = new Session(this.terminal, globalOptionsOf(command));
      try {
        this.exitCode = await body(session, command.opts<O>(), args);
      } finally {
        await session.close();
      }
    };
  }
}

/** The argument of this position as text; empty if it was left out. */
export function textArgument(args: readonly unknown[], position: number): string {
  const value = args[position];
  return typeof value === 'string' ? value : '';
}

/** Parses a whole number of a range, as commander wants it. */
export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,16}$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };
}

/** Beyond it dates make no sense, and far beyond it there are none. s. */
const LONGEST_DURATION = 3650 * 86_400;

/** Parses a duration such as 30m or 2h, of at most 3650 days, in s. */
export function duration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== null && seconds > 0 && seconds <= LONGEST_DURATION) return seconds;
  throw new InvalidArgumentError(
    'It must be a duration such as 90s, 30m, 2h or 1d12h, of at most 3650d.',
  );
}

/** An option with a closed list of values. */
export function choice(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, description).choices(values);
}

/** The option that bounds a list. */
export function limitOption(standard: number, what = 'show at most so many'): Option {
  return new Option('--limit <n>', what).argParser(wholeNumber(1, 1_000_000)).default(standard);
}

/** The end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
