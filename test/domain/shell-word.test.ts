import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { shellWord } from '../../domain/shell-word.js';

it('is one word for a shell, and the value again', () => {
  const values = [
    '',
    '/tmp/try',
    "it's",
    'a b',
    '$HOME',
    '`ls`',
    'a\nb',
    '*',
    '~',
    '!x',
    '\\',
    '"',
  ];
  const script = `for word in ${values.map(shellWord).join(' ')}; do printf '%s\\0' "$word"; done`;
  const heard = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
  expect(heard.split('\0').slice(0, -1)).toEqual(values);
  expect(shellWord('/tmp/try')).toBe('/tmp/try');
});
