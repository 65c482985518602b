import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf } from '../../../client/cli/exit-code.js';
import { Invocation } from '../../../client/cli/invocation.js';
import { fabricaProgram } from '../../../client/cli/program.js';
import { processTerminal } from '../../../client/cli/terminal.js';
import { ERRORS, isErrorCode } from '../../../domain/errors.js';

const text = readFileSync(
  new URL('../../../docs/reference/command-line.md', import.meta.url),
  'utf8',
);
const GLOBAL = ['--config', '--address', '--json'];
const program = fabricaProgram(new Invocation(processTerminal()));

/** The commands that do something, by their whole names. */
function leaves(command: Command, name = ''): [name: string, command: Command][] {
  const inner = command.commands.filter((one) => one.name() !== 'help');
  if (inner.length === 0) return [[name, command]];
  return inner.flatMap((one) => leaves(one, `${name} ${one.name()}`.trim()));
}

/** The page by headings of the third level. */
const sections = new Map(
  text
    .split(/^### /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')).trim(), part] as const),
);

describe('docs/reference/command-line.md', () => {
  it('has a section for each command and for nothing else', () => {
    expect([...sections.keys()].sort()).toEqual(
      leaves(program)
        .map(([name]) => name)
        .sort(),
    );
  });

  it.each(leaves(program))('explains the options and the JSON of `%s`', (name, command) => {
    const section = sections.get(name) ?? '';
    const own = command.options
      .filter((option) => !option.hidden)
      .map((option) => option.long ?? '');
    for (const flag of own) expect(section).toContain(`\`${flag}`);
    expect(section).toContain(`fabrica ${name}`);
    if (!/^(pause|resume|cancel|release|waive|reprioritize)$/.test(name)) {
      expect(section).toContain('JSON');
    }
  });

  it('explains the global options and every exit code', () => {
    for (const flag of [...GLOBAL, '--state']) expect(text).toContain(`| \`${flag}`);
    for (const code of Object.values(EXIT))
      expect(text).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'));
  });
});

describe('every command', () => {
  it.each(leaves(program))('`%s` has an example in its help', (name, command) => {
    let help = '';
    command.configureOutput({ writeOut: (part) => (help += part) });
    command.outputHelp();
    expect(help).toMatch(
      name === 'quickstart' ? /\$ npm start/ : new RegExp(`\\$ fabrica.* ${name}`),
    );
  });

  it('takes the global options', () => {
    for (const [, command] of leaves(program)) {
      const flags = command.options.map((option) => option.long);
      expect(flags).toEqual(expect.arrayContaining([...GLOBAL, '--state']));
    }
  });
});

describe('exit codes', () => {
  it('are one of the documented for each error', () => {
    for (const code of Object.keys(ERRORS)) {
      expect(isErrorCode(code) ? exitCodeOf(code) : 0).toBeGreaterThan(0);
    }
  });
});
