import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countNumbers, jobNumbersText, parseJobNumbers } from '../../domain/job-numbers.js';

describe('job numbers', () => {
  it.each([
    ['3', [{ from: 3, to: 3 }]],
    [
      ' 3 , 5 - 9 ',
      [
        { from: 3, to: 3 },
        { from: 5, to: 9 },
      ],
    ],
    ['9,5-8,3,4', [{ from: 3, to: 9 }]],
    ['1-10,5-7', [{ from: 1, to: 10 }]],
    ['1-1000000', [{ from: 1, to: 1_000_000 }]],
  ])('%j are ranges in order', (text, ranges) => {
    expect(parseJobNumbers(text)).toEqual({ ranges });
  });

  it.each([
    '',
    ',',
    '3,',
    'a',
    '1-',
    '-3',
    '1-2-3',
    '0',
    '1.5',
    '1e3',
    '٣',
    '9999999999',
    '5-3',
    '\u001b[31m',
  ])('%j are none', (text) => {
    const parsed = parseJobNumbers(text);
    expect(parsed).toHaveProperty('problem');
  });

  it('of any length are refused in no time', () => {
    expect(parseJobNumbers('1,'.repeat(1_000_000))).toHaveProperty('problem');
  });

  it('read what they write', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (numbers) => {
        const parsed = parseJobNumbers(jobNumbersText(numbers));
        if ('problem' in parsed) throw new Error(parsed.problem);
        expect(countNumbers(parsed.ranges)).toBe(numbers.length);
        expect(
          parsed.ranges.flatMap(({ from, to }) =>
            Array.from({ length: to - from + 1 }, (_, i) => from + i),
          ),
        ).toEqual([...numbers].sort((a, b) => a - b));
      }),
    );
  });
});
