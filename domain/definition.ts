import { z } from 'zod';
import { diagnosisSchema } from './diagnosis-rule.js';
import { FAILURE_CLASSES } from './failure-class.js';
import {
  durationSchema,
  jobMemorySchema,
  jobWallTimeSchema,
  nameSchema,
  plainText,
  sizeSchema,
} from './fields.js';
import { inputSchema, overlaySchema } from './input-definition.js';
import { fileName, payloadPath, storedPayloadSchema } from './payload.js';

/**
 * The definition of a production: what a manager writes. Everything a person may set is here, with its meaning, unit and
 * default; `fabrica schema definition` prints it as JSON Schema.
 */

/** A production's LFN task field has eight digits for the job number. */
export const MAX_JOBS = 10_000_000;
/** Pythia accepts seeds from 1 to 9x10^8. */
export const MAX_SEED = 900_000_000;

/** Arguments are data: no shell ever reads them. A NUL can not be part of an argument; the first is the program. */
const argumentList = z
  .array(
    z
      .string()
      .max(8192)
      .refine((text) => !text.includes('\u0000'), 'must not hold NUL')
      .refine((text) => text.isWellFormed(), 'must be well-formed Unicode'),
  )
  .min(1)
  .max(256);

const payloadSchema = z
  .array(
    z.union(
      [payloadPath, storedPayloadSchema],
      'must be the path of a file, or a stored file (name, lfn, storage, size, adler32)',
    ),
  )
  .max(100)
  .default([])
  .describe('Files that each job gets in its folder: paths relative to this file.');

const datasetSchema = z.strictObject({
  campaign: nameSchema.describe('Campaign, e.g. MC16ri_a. Seeds are distinct within it.'),
  release: nameSchema.describe('Software release, e.g. release-08-00-00.'),
  globalTag: nameSchema.describe('Conditions database tag, e.g. DB00002649.'),
  experiment: z.number().int().min(0).max(9999).describe('Experiment number, e.g. 1003.'),
  run: z.number().int().min(0).max(99_999).default(0).describe('Run number.'),
  beamEnergy: nameSchema.default('4S').describe('Beam energy, e.g. 4S or 4S_offres.'),
  eventType: nameSchema.describe('Event type, e.g. mixed, ccbar, mumu.'),
  dataLevel: nameSchema.default('mdst').describe('Data level of the main output.'),
});

const outputSchema = z.strictObject({
  level: nameSchema.optional().describe("Data level; the dataset's if left out."),
  file: fileName.describe('Name that the payload gives the file in its folder.'),
});

const limitsSchema = z.strictObject({
  wallTime: jobWallTimeSchema.default(86_400).describe('Wall time of a job.'),
  memory: jobMemorySchema.default(2_000_000_000).describe('Resident memory of a job.'),
  disk: sizeSchema
    .default(20_000_000_000)
    .describe('Files of a job in its folder: inputs, outputs, log and all else.'),
});

const EVENTS_PER_JOB_RULE = "must be 'auto' or a whole number from 1 to 1000000000";

const fabricationSchema = z.strictObject({
  command: argumentList.describe(
    'Program and arguments, a list. Placeholders: {seed} {firstEvent} {events} {job} {inputs} {overlay} {output} {output:LEVEL}.',
  ),
  payload: payloadSchema,
  environment: plainText(4096)
    .default('')
    .describe('One line of shell that sets up the environment, e.g. source /cvmfs/.../setup.sh'),
  outputs: z.array(outputSchema).min(1).max(10).describe('Files that each job makes.'),
  eventsPerJob: z
    .union(
      [
        z.literal('auto'),
        z.number().int().positive(EVENTS_PER_JOB_RULE).max(1e9, EVENTS_PER_JOB_RULE),
      ],
      EVENTS_PER_JOB_RULE,
    )
    .default('auto')
    .describe("Events of a job; auto: from the scouts' time per event and targetWallTime."),
  targetWallTime: durationSchema.default(14_400).describe('Wall time that auto aims at.'),
  limits: limitsSchema.default(() => limitsSchema.parse({})).describe('What a job may use.'),
});

const scoutsSchema = z.strictObject({
  jobs: z.number().int().min(0).max(1000).default(10).describe('Number of scout jobs; 0 for none.'),
  eventsPerJob: z
    .number()
    .int()
    .positive()
    .max(1e9)
    .optional()
    .describe("Events of a scout; default eventsPerJob, or 100 where that is 'auto'."),
  deadline: durationSchema.default(86_400).describe('Time after which the verdict is made.'),
  minimumSuccess: z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe('Share of all scouts that must succeed.'),
  approval: z.boolean().default(false).describe('Wait for a person after a good verdict.'),
});

const retriesSchema = z.strictObject({
  attempts: z
    .number()
    .int()
    .min(1)
    .max(50)
    .default(5)
    .describe('Attempts of a job that fail by the payload or its limits, the first one included.'),
  systemAttempts: z
    .number()
    .int()
    .min(1)
    .max(500)
    .default(20)
    .describe('Attempts that may fail by sites and storages besides.'),
  split: z
    .boolean()
    .default(true)
    .describe('Divide a job that the full limits do not suffice for.'),
  backoff: durationSchema
    .default(60)
    .describe('Wait before the second attempt; doubles each time.'),
  maximumBackoff: durationSchema.default(3600).describe('Longest wait.'),
});

const holdingSchema = z.strictObject({
  failureRate: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('Share of failed attempts from which on a site is left out, or the production held.'),
  attempts: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(50)
    .describe('Attempts that must have ended before it is judged.'),
  classes: z
    .partialRecord(z.enum(FAILURE_CLASSES), z.number().gt(0).max(1))
    .default({})
    .describe('Shares of attempts that may fail in a class, where one is to be watched by itself.'),
  window: durationSchema
    .default(3600)
    .describe('How far back it looks, and how long a site is left out.'),
});

const throttleSchema = z.strictObject({
  maxRunningJobs: z
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Jobs at sites at once, those in their queues included; default: no limit.'),
  maxJobsPerMinute: z
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Jobs sent to sites within any minute; default: no limit.'),
});

const validationSchema = z.strictObject({
  command: argumentList
    .optional()
    .describe('Runs in the job after the payload, placeholders as in command; must exit 0.'),
  countEvents: z
    .boolean()
    .default(true)
    .describe('Require the payload to report the events it made (fabrica-report.json).'),
});

const mergeSchema = z.strictObject({
  command: argumentList.describe(
    'Program and arguments; {inputs} becomes one argument per input, {output} the merged file.',
  ),
  payload: payloadSchema,
  environment: plainText(4096).default('').describe('As in fabrication.'),
  targetSize: sizeSchema
    .optional()
    .describe('Bytes of a merged file; default 1 GB, unless targetEvents is given.'),
  targetEvents: z
    .number()
    .int()
    .positive()
    .max(1e12)
    .optional()
    .describe('Events of a merged file.'),
  limits: limitsSchema.default(() => limitsSchema.parse({})).describe('What a job may use.'),
});

const distributionSchema = z.strictObject({
  copies: z
    .number()
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('Storages that hold each final file.'),
  areas: z
    .array(nameSchema)
    .max(20)
    .default([])
    .describe('Areas to spread the copies over; empty: any.'),
});

export const definitionSchema = z.strictObject({
  name: nameSchema.describe('Name of the production, unique in the catalog.'),
  group: nameSchema.default('production').describe('Group that it belongs to.'),
  description: plainText(1000).default('').describe('One line for people.'),
  owner: plainText(100).default('').describe('Who answers for it; default: the user who submits.'),
  priority: z.number().int().min(1).max(10).default(5).describe('1 (lowest) to 10 (highest).'),
  throttle: throttleSchema
    .default({})
    .describe('Limits of its own, for a database or a licence that bears no more.'),
  dataset: datasetSchema.describe(
    'What the events are: campaign, release, globalTag, experiment, eventType...',
  ),
  events: z
    .number()
    .int()
    .positive()
    .max(1e12)
    .optional()
    .describe('Events to make in all; those of the input files where there is an input section.'),
  input: inputSchema
    .optional()
    .describe('Files that the jobs read, instead of making events from nothing.'),
  overlay: overlaySchema
    .optional()
    .describe('Files of beam background that each job gets besides; chosen by its seed.'),
  fabrication: fabricationSchema.describe('How events are made: command, outputs...'),
  scouts: scoutsSchema
    .default(() => scoutsSchema.parse({}))
    .describe('Jobs that are run first, as a test.'),
  retries: retriesSchema
    .default(() => retriesSchema.parse({}))
    .describe('What happens to failed jobs.'),
  diagnosis: diagnosisSchema.describe(
    'Rules that tell what a failure is, besides the built-in ones; the narrowest that fits wins.',
  ),
  holding: holdingSchema
    .default(() => holdingSchema.parse({}))
    .describe('When too many failures stop it.'),
  tolerance: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Share of the jobs that may be given up without asking a person.'),
  validation: validationSchema
    .default(() => validationSchema.parse({}))
    .describe('Checks of outputs.'),
  merge: mergeSchema
    .optional()
    .describe('How outputs are joined; without it they are distributed as they are.'),
  distribution: distributionSchema
    .default(() => distributionSchema.parse({}))
    .describe('Where final files go.'),
  sites: z.array(nameSchema).max(500).default([]).describe('Sites to use; empty: any.'),
});

/** A checked definition with every default filled in: durations in s, sizes in bytes. */
export type Definition = z.output<typeof definitionSchema>;
/** What a person may write. */
export type DefinitionInput = z.input<typeof definitionSchema>;

/** The kind of the files that a production keeps: what it has merged, or its outputs where it merges nothing. */
export function finalKind({ merge }: Pick<Definition, 'merge'>): 'output' | 'merged' {
  return merge === undefined ? 'output' : 'merged';
}

/** The data levels that the jobs of a definition make. */
export function levelsOf({ fabrication, dataset }: Definition): string[] {
  return fabrication.outputs.map((output) => output.level ?? dataset.dataLevel);
}
