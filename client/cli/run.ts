import { CommanderError } from 'commander';
import { FabricaError } from '../../domain/errors.js';
import { printable, quoted } from '../../domain/problem.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { reportError } from './error-report.js';
import { Invocation } from './invocation.js';
import { fabricaProgram } from './program.js';
import type { Terminal } from './terminal.js';

/** Runs one command line (without `node` and the program's name). Tells every error; returns the exit code and never throws. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const invocation = new Invocation(terminal);
  const json = argv.includes('--json');
  try {
    const program = fabricaProgram(invocation);
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.ok;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return invocation.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return await reportError(error, terminal, json);
    if (error.exitCode === 0) return EXIT.ok;
    return await reportError(commandLineError(error, argv), terminal, json);
  }
}

/** Commander puts it on a line of its own; other line breaks come from what was typed. */
const SUGGESTION = /\n(\(Did you mean [^\n]*\))$/;
const LONGEST = 2000;

function commandLineError(error: CommanderError, argv: readonly string[]): FabricaError {
  const [first, asked] = argv.filter((word) => !word.startsWith('-'));
  const message =
    error.code === 'commander.help'
      ? first === 'help' && asked !== undefined
        ? `There is no command ${quoted(asked)} to explain.`
        : 'A command is missing.'
      : printable(error.message.replace(/^error: /, '').replace(SUGGESTION, ' $1'), LONGEST);
  return new FabricaError('FABRICA_COMMAND_LINE', message);
}
