import { z } from 'zod';
import { NAME_PATTERN } from './names.js';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './quantity.js';

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

const DURATION_RULE =
  'must be a duration such as 90s, 30m, 2h or 1d12h, or a number of seconds, above 0 and at most a year';

/** Seconds; written as `90s`, `2h`, `1d12h` or a number of seconds. */
export const durationSchema = z.union(
  [
    z.number().positive(DURATION_RULE).max(31_536_000, DURATION_RULE),
    z
      .string()
      .max(100)
      .regex(DURATION_PATTERN, DURATION_RULE)
      .transform((text) => parseDuration(text) ?? 0)
      .refine((seconds) => seconds > 0 && seconds <= 31_536_000, DURATION_RULE),
  ],
  DURATION_RULE,
);

const SIZE_RULE =
  'must be a size such as 500 MB or 1.2 GB, or a whole number of bytes, from 1 B to 1 PB';

/** Bytes; written as `500 MB`, `1.2GB` or a number of bytes. */
export const sizeSchema = z.union(
  [
    z.number().int().positive(SIZE_RULE).max(1e15, SIZE_RULE),
    z
      .string()
      .max(100)
      .regex(SIZE_PATTERN, SIZE_RULE)
      .transform((text) => parseSize(text) ?? 0)
      .refine((bytes) => bytes > 0 && bytes <= 1e15, SIZE_RULE),
  ],
  SIZE_RULE,
);
