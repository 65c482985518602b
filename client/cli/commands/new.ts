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
    const { remedy, why } = faultOf(error, printable(path.dirname(file), 300));
    throw new FabricaError(
      'FABRICA_COMMAND_LINE',
      `The file ${printable(file, 300)} ${why}.`,
      { file },
      { remedy },
    );
  }
}

/** Why a file can not be written, as the end of a sentence, and what to do. */
function faultOf(error: unknown, folder: string): { why: string; remedy: string } {
  const remedy = 'Name another file with --output.';
  switch (error instanceof Error && 'code' in error ? error.code : '') {
    case 'EEXIST':
      return { why: 'is there already, and nothing is overwritten', remedy };
    case 'ENOENT':
      return {
        why: `can not be written: there is no folder ${folder}`,
        remedy: `Make the folder (mkdir -p ${folder}), or name another file with --output.`,
      };
    case 'ENOTDIR':
      return { why: `can not be written: ${folder} is no folder`, remedy };
    case 'EROFS':
      return { why: `can not be written: the file system of ${folder} is read-only`, remedy };
    case 'EACCES':
      return { why: `can not be written: you may not write in ${folder}`, remedy };
    default:
      return { why: `can not be written: ${messageOf(error)}`, remedy };
  }
}
