import { FabricaError, messageOf } from '../../domain/errors.js';
import { exitCodeOf, type ExitCode } from './exit-code.js';
import { jsonText } from './json.js';
import { styleFor } from './style.js';
import type { Terminal } from './terminal.js';
import { safeLines } from './text.js';

/**
 * Tells an error on stderr: as one block of message, remedy and code, or as `{"error": {code, message, remedy}}`. A stack trace only
 * with FABRICA_DEBUG. Returns the exit code.
 */
export async function reportError(
  error: unknown,
  terminal: Terminal,
  json: boolean,
): Promise<ExitCode> {
  const known = error instanceof FabricaError ? error : await translated(error);
  if ((terminal.env.FABRICA_DEBUG ?? '') !== '') {
    terminal.err.write(`${error instanceof Error ? (error.stack ?? '') : messageOf(error)}\n`);
  }
  terminal.err.write(json ? errorJson(known) : errorText(known, terminal));
  return exitCodeOf(known.code);
}

async function translated(error: unknown): Promise<FabricaError> {
  const { fabricaErrorOf } = await import('../temporal/failures.js');
  return fabricaErrorOf(error);
}

function errorJson({ code, message, remedy }: FabricaError): string {
  return jsonText({ error: { code, message: message.trimEnd(), remedy } });
}

function errorText(error: FabricaError, terminal: Terminal): string {
  const style = styleFor(terminal.err, terminal.env);
  const lines = safeLines(error.message.trimEnd()).split('\n');
  const message = lines.length === 1 ? ` ${lines[0] ?? ''}` : `\n  ${lines.join('\n  ')}`;
  return (
    `${style.bad('error:')}${message}\n` +
    `${style.bold('what to do:')} ${safeLines(error.remedy)}\n` +
    `${style.dim(`(${error.code})`)}\n`
  );
}
