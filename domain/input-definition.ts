import { z } from 'zod';
import { nameSchema, sizeSchema } from './fields.js';
import { lfnSchema, payloadPath, storedPayloadSchema } from './payload.js';

/** What jobs read: sets of catalogued files, as a definition names them. */

/** LFNs that may stand in a definition itself: it is read with every step of its production. More go into a list. */
export const MOST_NAMED_FILES = 200;
/** Files that one job may read: their names and places travel with it. */
export const MOST_JOB_FILES = 200;

/** Values of `dataset` sections, by which productions are found in the catalog. */
const cataloguedSchema = z.strictObject({
  production: nameSchema.optional().describe('Files of this production.'),
  campaign: nameSchema.optional().describe('Files of all completed productions of this campaign.'),
  release: nameSchema.optional().describe('Of this software release only.'),
  globalTag: nameSchema.optional().describe('Of this conditions database tag only.'),
  experiment: z.number().int().min(0).max(9999).optional().describe('Of this experiment only.'),
  run: z.number().int().min(0).max(99_999).optional().describe('Of this run only.'),
  beamEnergy: nameSchema.optional().describe('Of this beam energy only.'),
  eventType: nameSchema.optional().describe('Of this event type only.'),
  level: nameSchema.optional().describe('Data level; needed where there are several.'),
  kind: z
    .enum(['merged', 'output'])
    .optional()
    .describe('merged, or output of productions that do not merge; default: either.'),
});

const fileSet = {
  files: z
    .array(lfnSchema)
    .min(1)
    .max(MOST_NAMED_FILES)
    .optional()
    .describe('LFNs of catalogued files.'),
  list: z
    .union(
      [payloadPath, storedPayloadSchema],
      'must be the path of a text file, or a stored file (name, lfn, storage, size, adler32)',
    )
    .optional()
    .describe('A text file with an LFN in each line, relative to this file.'),
  dataset: cataloguedSchema
    .optional()
    .describe('Final files of one production, or of all that are like this.'),
};

const groupingSchema = z.strictObject({
  maxFiles: z.number().int().min(1).max(MOST_JOB_FILES).default(10).describe('Files of a job.'),
  maxSize: sizeSchema
    .optional()
    .describe('Bytes of the files of a job; default half of fabrication.limits.disk.'),
  maxEvents: z.number().int().positive().max(1e12).optional().describe('Events of a job.'),
});

export const inputSchema = z.strictObject({
  ...fileSet,
  grouping: groupingSchema
    .default(() => groupingSchema.parse({}))
    .describe('How many files a job gets; those of one job lie together on a storage.'),
});

export const overlaySchema = z.strictObject({
  ...fileSet,
  filesPerJob: z.number().int().min(1).max(50).default(1).describe('Files that each job gets.'),
});

export type InputDefinition = z.output<typeof inputSchema>;
export type OverlayDefinition = z.output<typeof overlaySchema>;
/** A set of files, as `input` and `overlay` name one. */
export type FileSet = Pick<InputDefinition, keyof typeof fileSet>;
/** Which catalogued files are meant; see `cataloguedSchema`. */
export type CataloguedDataset = NonNullable<FileSet['dataset']>;
/** What files are for: `input` is read and passed on, `overlay` is mixed in. */
export type InputRole = 'input' | 'overlay';

/** Sections of a definition that name files, by role. */
export const INPUT_ROLES: readonly InputRole[] = ['input', 'overlay'];
