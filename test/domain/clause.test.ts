import { expect, it } from 'vitest';
import { clause } from '../../domain/clause.js';

it.each([
  ['1 of 2 failed: wall-time', '1 of 2 failed: wall-time'],
  ['1 of 2 failed: wall-time.', '1 of 2 failed: wall-time'],
  ['It is on fire. Ask later.\n', 'It is on fire. Ask later'],
  ['and so on...', 'and so on...'],
  ['', ''],
])('%j is %j within a sentence', (text, part) => {
  expect(clause(text)).toBe(part);
});
