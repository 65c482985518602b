import { CommanderError } from 'commander';
import { FabricaError } from '../../domain/errors.js';
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
    return await reportError(commandLineError(error), terminal, json);
  }
}

function commandLineError(error: CommanderError): FabricaError {
  const message =
    error.code === 'commander.help'
      ? 'A command is missing.'
      : error.message
          .replace(/^error: /, '')
          .replace(/\s+/g, ' ')
          .trim();
  return new FabricaError('FABRICA_COMMAND_LINE', message);
}
