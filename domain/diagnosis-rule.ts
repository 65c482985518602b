import { RE2JS } from 're2js';
import { z } from 'zod';
import { FAILURE_STEPS, type FailureStep } from './bundle.js';
import { messageOf } from './errors.js';
import { FAILURE_CLASSES, type FailureClass } from './failure-class.js';
import { nameSchema } from './fields.js';

/**
 * A rule of diagnosis as data: what a failed attempt must look like, and the class that it then gets. Everything that is given must fit;
 * what is left out fits always. The built-in rules are in `policy/diagnosis.ts`; definitions and `fabrica.yaml` may add others.
 */
export interface DiagnosisRule {
  readonly id: string;
  /** Where in its life the attempt failed. */
  readonly step?: FailureStep | undefined;
  /** Of the payload, as a shell tells it. */
  readonly exitCodes?: readonly number[] | undefined;
  /** A regular expression of RE2 (linear in time, whatever it is), searched in the reason and the end of the log; `^` and `$` are the ends of a line. */
  readonly pattern?: string | undefined;
  readonly site?: string | undefined;
  /** Software release of the dataset. */
  readonly release?: string | undefined;
  readonly class: FailureClass;
  /** False: the rule only tells what it would have judged. */
  readonly active: boolean;
}

/** Failures that are Fabrica's own, or a person's, no log can tell. */
const JUDGED = FAILURE_CLASSES.filter(
  (one) => one !== 'catalog' && one !== 'control' && one !== 'killed',
);

/** A pattern of a rule, ready for use; throws if it is no regular expression of RE2. */
export function compilePattern(pattern: string): RE2JS {
  return RE2JS.compile(pattern, RE2JS.MULTILINE);
}

function patternFault(pattern: string): string | null {
  try {
    return compilePattern(pattern).matcher('').find() ? 'must not fit every text' : null;
  } catch (error) {
    return `must be a regular expression of RE2: ${messageOf(error)}`;
  }
}

const patternSchema = z
  .string()
  .min(1)
  .max(500)
  .superRefine((pattern, context) => {
    const fault = patternFault(pattern);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });

const ruleSchema = z
  .strictObject({
    id: nameSchema.describe('Name of the rule, shown with each failure that it has judged.'),
    step: z
      .enum(FAILURE_STEPS.filter((step) => step !== 'none'))
      .optional()
      .describe('Where in its life the attempt failed.'),
    exitCodes: z
      .array(z.number().int().min(0).max(255))
      .min(1)
      .max(50)
      .optional()
      .describe('Exit codes of the payload; 128 + n for signal n.'),
    pattern: patternSchema
      .optional()
      .describe('Regular expression (RE2) that the reason or the end of the log must hold.'),
    site: nameSchema.optional().describe('Only at this site.'),
    release: nameSchema.optional().describe('Only with this release.'),
    class: z.enum(JUDGED).describe('What the failure is.'),
    active: z
      .boolean()
      .default(true)
      .describe('false: only tell what it would have judged, to try a rule out.'),
  })
  .refine(
    ({ step, exitCodes, pattern, site, release }) =>
      [step, exitCodes, pattern, site, release].some((one) => one !== undefined),
    'must say when it applies: step, exitCodes, pattern, site or release',
  );

/** The rules that a person adds. */
export const diagnosisSchema = z.array(ruleSchema).max(100).default([]);
