import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import { printable } from '../../../domain/problem.js';
import { definitionTemplate } from '../../definition-template.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';

/** `fabrica new`: a commented definition to begin with. */
export function addNew(program: Command, invocation: Invocation): void {
  program
    .command('new')
    .description('write a commented definition to begin with')
    .argument('[name]', 'name of the production', 'my-production')
    .option('--output <file>', 'file to write; never overwrites (default: stdout)')
    .addHelpText('after', examples('fabrica new mumu --output mumu.yaml', 'fabrica new mumu'))
    .action(
      invocation.action<{ output?: string }>(async (session, { output }, args) => {
        const owner = session.terminal.who.split('@')[0] ?? '';
        const text = definitionTemplate(textArgument(args, 0), owner);
        if (output === undefined) {
          session.answer({ definition: text }, text.trimEnd());
          return EXIT.ok;
        }
        const file = path.resolve(session.terminal.cwd, output);
        write(file, text);
        session.answer(
          { file },
          `${printable(file, 300)} is written. Change it, then: fabrica submit ${printable(output, 300)} --dry-run`,
        );
        return EXIT.ok;
      }),
    );
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new FabricaError(
      'FABRICA_COMMAND_LINE',
      exists
        ? `The file ${printable(file, 300)} exists; it is not overwritten.`
        : `The file ${printable(file, 300)} can not be written: ${messageOf(error)}.`,
      { file },
      { remedy: 'Name another file with --output, or remove this one.' },
    );
  }
}
