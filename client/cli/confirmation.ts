import { FabricaError } from '../../domain/errors.js';
import type { Terminal } from './terminal.js';

/**
 * Returns once a person has agreed on the terminal, or has said so before (`yes`, by --yes). Throws `FABRICA_COMMAND_LINE` if nobody can be
 * asked, `FABRICA_COMMAND_REFUSED` if the answer is not yes.
 */
export async function confirmed(terminal: Terminal, question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (terminal.ask === null) {
    throw new FabricaError(
      'FABRICA_COMMAND_LINE',
      `Nobody can be asked here: ${question}`,
      {},
      { remedy: 'Add --yes if it is meant.' },
    );
  }
  const answer = await terminal.ask(`${question} [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new FabricaError(
    'FABRICA_COMMAND_REFUSED',
    'Nothing is done: the answer was not yes.',
    {},
    { remedy: 'Answer y, or add --yes.' },
  );
}
