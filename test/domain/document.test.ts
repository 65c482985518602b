import { describe, expect, it } from 'vitest';
import { decodeText, parseDocument } from '../../domain/document.js';
import { FabricaError } from '../../domain/errors.js';

/** The error of a call; fails the test if there is none. */
function refusal(call: () => unknown): FabricaError {
  try {
    call();
  } catch (error) {
    if (error instanceof FabricaError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const refused = (text: string) => refusal(() => parseDocument(text, 'mumu.yaml'));

describe('parseDocument', () => {
  it('gives the value of YAML and the line of each field', () => {
    const { value, lineOf } = parseDocument('a: 1\nb:\n  - x\n  - y: 2\n', 'f.yaml');
    expect(value).toEqual({ a: 1, b: ['x', { y: 2 }] });
    expect(lineOf(['a'])).toBe(1);
    expect(lineOf(['b', 1, 'y'])).toBe(4);
  });

  it('tells the line of the nearest field above one that is not there', () => {
    const { lineOf } = parseDocument('a: 1\nb:\n  c: 3\n', 'f.yaml');
    expect(lineOf(['b', 'missing', 'deeper'])).toBe(2);
  });

  it('reads JSON, also with tabs between its parts', () => {
    const { value, lineOf } = parseDocument('{\n\t"a": [1,\n\t2]\n}', 'f.json');
    expect(value).toEqual({ a: [1, 2] });
    expect(lineOf(['a', 1])).toBe(3);
  });

  it('follows aliases, also for the line of a field', () => {
    const { value, lineOf } = parseDocument('a: &x\n  c: 1\nb: *x\n', 'f.yaml');
    expect(value).toEqual({ a: { c: 1 }, b: { c: 1 } });
    expect(lineOf(['b', 'c'])).toBe(2);
  });

  it('keeps __proto__ an ordinary field', () => {
    const { value } = parseDocument('__proto__: {polluted: 1}', 'f.yaml');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect('polluted' in {}).toBe(false);
  });

  it('refuses 10 MB before parsing and names the limit', () => {
    const start = performance.now();
    const error = refused('# comment\n'.repeat(1_000_000));
    expect(performance.now() - start).toBeLessThan(1000);
    expect(error.code).toBe('FABRICA_DEFINITION_UNREADABLE');
    expect(error.message).toContain('10 MB, over the limit of 1 MB');
  });

  it('counts the limit in bytes, not in letters', () => {
    expect(refused(`# ${'é'.repeat(600_000)}`).message).toContain('over the limit');
  });

  it('refuses an empty text and one of comments only', () => {
    expect(refused('').message).toBe('mumu.yaml:1:1: the file is empty; write a mapping of fields');
    expect(refused('# nothing\n').message).toContain('the file is empty');
  });

  it('refuses tabs as indentation, with line and column', () => {
    expect(refused('a: 1\n\tb: 2\n').message).toBe(
      'mumu.yaml:2:1: a tab is used as indentation; use spaces',
    );
  });

  it('refuses a field that is given twice, at its second line', () => {
    expect(refused('a: 1\nb: 2\na: 3\n').message).toBe(
      'mumu.yaml:3:1: the field "a" is given twice; remove one',
    );
  });

  it('takes 1 and "1" for the same field, as the value would', () => {
    expect(refused('1: a\n"1": b\n').message).toContain('given twice');
  });

  it('refuses aliases that multiply', () => {
    const rows = Array.from(
      { length: 9 },
      (_, i) => `k${i + 1}: &k${i + 1} [${'*k0, '.replace('0', String(i)).repeat(9)}]`,
    );
    const error = refused(
      ['k0: &k0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]', ...rows].join('\n'),
    );
    expect(error.message).toContain('its aliases multiply');
  });

  it('refuses very many aliases and aliases of themselves', () => {
    expect(refused(`a: &a x\nb: [${'*a, '.repeat(101)}]`).message).toContain(
      'more than 100 aliases',
    );
    expect(refused('a: &x [*x]').message).toContain('contains itself');
    expect(refused('a: *b').message).toContain('no anchor before it');
  });

  it.each([
    '!!js/function "x"',
    '!!binary aGk=',
    '!!python/object:os.system {}',
    '!mine 1',
    '!!set {a}',
  ])('refuses the tag of %s', (text) => {
    expect(refused(`a: ${text}`).message).toMatch(
      /^mumu\.yaml:1:\d+: .*tag.*write the plain value$/,
    );
  });

  it('accepts the tags of plain values', () => {
    expect(parseDocument('a: !!str 5', 'f').value).toEqual({ a: '5' });
  });

  it('refuses YAML 1.1, whose dates and sets are objects', () => {
    expect(refused('%YAML 1.1\n---\na: 2001-01-01').message).toContain('YAML 1.1');
  });

  it('refuses a second document', () => {
    expect(refused('a: 1\n---\nb: 2\n').message).toMatch(/mumu\.yaml:2:1: a second document/);
  });

  it.each([
    ['[', '[ flow lists'],
    ['{a: ', 'flow mappings'],
    ['- ', 'lists on a line'],
    ['? ', 'explicit keys'],
    ['a: ', 'mappings on a line'],
  ])('refuses %s a hundred thousand times over, without breaking', (text) => {
    expect(refused(text.repeat(100_000)).message).toContain('nested deeper than 32');
  });

  it('refuses lists as keys', () => {
    expect(refused('? [a]\n: 1').message).toContain('used as a key');
  });

  it('refuses control characters, with line and column', () => {
    const error = refused('a: 1\nb: \u0000');
    expect(error.message).toContain('mumu.yaml:2:4: holds the control character "\\u0000"');
    expect(error.place).toMatchObject({ file: 'mumu.yaml', line: 2, column: 4 });
  });

  it('tells a colon in a value, a reserved sign and an open quote in plain words', () => {
    expect(refused('a: b: c').message).toContain('put the value in quotes');
    expect(refused('a: @b').message).toContain('put the value in quotes');
    expect(refused('a: "b').message).toContain('mumu.yaml:1:');
  });

  it('throws the code that it is given', () => {
    const error = refusal(() => parseDocument('', 'f', 'FABRICA_CONFIGURATION_INVALID'));
    expect(error.code).toBe('FABRICA_CONFIGURATION_INVALID');
  });

  it('reads a hundred thousand fields without delay', () => {
    const text = Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n');
    const start = performance.now();
    parseDocument(text.slice(0, 990_000), 'f');
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

describe('decodeText', () => {
  it('gives the text and drops a byte order mark', () => {
    expect(decodeText(Buffer.from('\ufeffa: é'), 'f')).toBe('a: é');
  });

  it('refuses bytes that are no UTF-8, with offset and line', () => {
    const bytes = Buffer.concat([Buffer.from('a: 1\nb: é'), Buffer.from([0xff]), Buffer.from('x')]);
    const error = refusal(() => decodeText(bytes, 'mumu.yaml'));
    expect(error.message).toBe(
      'mumu.yaml:2: is not valid UTF-8 at byte 10; save the file as UTF-8 text',
    );
  });

  it('refuses a text that ends inside a character', () => {
    const error = refusal(() => decodeText(Buffer.from([0x61, 0xc3]), 'f'));
    expect(error.message).toContain('at byte 1');
  });

  it('refuses NUL, with offset and line', () => {
    const error = refusal(() => decodeText(Buffer.from('a\n\u0000'), 'f'));
    expect(error.message).toContain('f:2: holds a NUL byte at byte 2');
  });

  it('refuses UTF-16 by its name', () => {
    const error = refusal(() => decodeText(Buffer.from('\ufeffa: 1', 'utf16le'), 'f'));
    expect(error.message).toContain('UTF-16');
  });

  it('refuses more than 1 MB', () => {
    expect(refusal(() => decodeText(Buffer.alloc(1_000_001, 32), 'f')).message).toContain('limit');
  });
});
