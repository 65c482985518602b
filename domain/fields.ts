import { z } from 'zod';
import { NAME_PATTERN } from './names.js';
import {
  DURATION_PATTERN,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from './quantity.js';

/** Kinds of fields that definitions and `fabrica.yaml` have in common. */

const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/** Text of one line, without control characters: it ends up in terminals, reports and job scripts. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !CONTROL.test(text), 'must not hold control characters or line breaks')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

/** A name as in `NAME_PATTERN`. */
export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(
    NAME_PATTERN,
    'must be letters, digits, dot, dash and underscore, beginning with a letter or digit, without ".."',
  );

/** A file or folder of this machine. */
export const pathSchema = plainText(4096)
  .min(1)
  .refine((text) => !text.startsWith('~'), 'must be a whole path: ~ is not expanded');

/** Seconds; written as `90s`, `2h`, `1d12h` or a number of seconds; `words` is what the longest is called. */
const durationUpTo = (longest: number, words: string) => {
  const rule = `must be a duration such as 90s, 30m, 2h or 1d12h, or a number of seconds, above 0 and at most ${words}`;
  return z.union(
    [
      z.number().positive(rule).max(longest, rule),
      z
        .string()
        .max(100)
        .regex(DURATION_PATTERN, rule)
        .transform((text) => parseDuration(text) ?? 0)
        .refine((seconds) => seconds > 0 && seconds <= longest, rule),
    ],
    rule,
  );
};

/** Bytes; written as `500 MB`, `1.2GB` or a number of bytes. */
const sizeUpTo = (largest: number) => {
  const rule = `must be a size such as 500 MB or 1.2 GB, or a whole number of bytes, from 1 B to ${formatSize(largest)}`;
  return z.union(
    [
      z.number().int().positive(rule).max(largest, rule),
      z
        .string()
        .max(100)
        .regex(SIZE_PATTERN, rule)
        .transform((text) => parseSize(text) ?? 0)
        .refine((bytes) => bytes > 0 && bytes <= largest, rule),
    ],
    rule,
  );
};

export const durationSchema = durationUpTo(31_536_000, 'a year');
export const sizeSchema = sizeUpTo(1e15);

/** What one job may be given: more than any has, so that a unit that was mistaken is noticed. */
export const jobWallTimeSchema = durationUpTo(100 * 86_400, '100d');
export const jobMemorySchema = sizeUpTo(1e13);
