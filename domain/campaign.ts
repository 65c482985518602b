import { z } from 'zod';
import { nameSchema, plainText } from './fields.js';

/**
 * A campaign file: one definition and what its productions differ in. Fields of the definition are named as in messages:
 * `dataset.eventType`, `fabrication.limits.memory`. `fabrica schema campaign` prints it as JSON Schema.
 */

/** Productions of one campaign file: each is a workflow of its own, and 2,000 at once is what has been tried on one computer. */
export const MAX_CAMPAIGN_PRODUCTIONS = 5_000;

/** Every field that makes productions differ in most campaigns; fixed, so that a file that grows names its older productions as before. */
export const DEFAULT_NAME_TEMPLATE =
  '{dataset.campaign}-{dataset.eventType}-e{dataset.experiment}-r{dataset.run}';

const fields = z.record(z.string(), z.unknown());

const nameTemplate = plainText(500).min(1);

/** What an axis of a matrix must be. */
export const AXIS_VALUES = "must be a list of values, or numbers from 1 such as '1-20,35'";

const axis = z.union(
  [z.array(z.unknown()).min(1).max(MAX_CAMPAIGN_PRODUCTIONS), z.string()],
  AXIS_VALUES,
);

const overrideSchema = z.strictObject({
  where: fields.describe(
    "Fields and the value that each must have, a list of values, or numbers such as '1-20,35'; all of them must fit.",
  ),
  set: fields.describe('Fields and their values in the productions that fit.'),
});

const entrySchema = z.strictObject({
  name: nameTemplate.optional().describe('Names of these productions, in place of the common one.'),
  set: fields.default({}).describe('Fields and their values in all productions of this entry.'),
  matrix: z
    .record(z.string(), axis)
    .optional()
    .describe(
      "Fields and the values to combine, a list or numbers such as '1-20,35'; 'field, field' takes lists of values that belong together.",
    ),
  exclude: z
    .array(fields)
    .max(MAX_CAMPAIGN_PRODUCTIONS)
    .default([])
    .describe('Combinations that are not made, written as in where.'),
  overrides: z
    .array(overrideSchema)
    .max(MAX_CAMPAIGN_PRODUCTIONS)
    .default([])
    .describe('What is different in some of these productions; the last one that fits wins.'),
});

export const campaignSchema = z.strictObject({
  campaign: nameSchema.describe('Campaign of all productions: their dataset.campaign.'),
  name: nameTemplate
    .default(DEFAULT_NAME_TEMPLATE)
    .describe(
      'Names of the productions; {field} is a field of each, {field:4} with leading zeros.',
    ),
  definition: fields.describe(
    'What all productions have in common, as in a definition file without name and dataset.campaign.',
  ),
  productions: z
    .array(entrySchema)
    .min(1)
    .max(MAX_CAMPAIGN_PRODUCTIONS)
    .describe('Entries of set, matrix, exclude and overrides; each makes one or more productions.'),
});

/** A campaign file with defaults; the definitions it makes are not checked yet. */
export type Campaign = z.output<typeof campaignSchema>;
export type CampaignEntry = Campaign['productions'][number];
