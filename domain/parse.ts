import { z } from 'zod';
import {
  type Configuration,
  configurationFields,
  configurationProblems,
  judgedStorageFields,
  type SoundConfiguration,
} from './configuration.js';
import { type Definition, definitionSchema, MAX_SEED } from './definition.js';
import { campaignSchema } from './campaign.js';
import { draftsOf } from './campaign-drafts.js';
import { DistinctProblems } from './campaign-problems.js';
import { definitionProblems, jobsAsked, type SoundDefinition } from './definition-rules.js';
import { missingProblems } from './input-rules.js';
import { type FieldPath, type Problem, problemsError, type Where } from './problem.js';
import { schemaProblems } from './schema-problems.js';

export { canonicalDefinition, definitionDifference } from './definition-content.js';
export { definitionWarnings } from './definition-rules.js';
export type { Where } from './problem.js';

/**
 * The one way from a value that a person wrote to a definition with all defaults: schema and rules.
 * Throws `FABRICA_DEFINITION_INVALID`, whose message has every problem on a line of its own.
 */
export function parseDefinition(value: unknown, where?: Where): Definition {
  const problems = problemsOfDefinition(value, where);
  if (problems.length > 0) throw problemsError('FABRICA_DEFINITION_INVALID', problems, where);
  return definitionSchema.parse(value);
}

/** Everything that is wrong with a definition, by schema and rules; empty if `parseDefinition` takes it. */
export function problemsOfDefinition(value: unknown, where?: Pick<Where, 'numberAt'>): Problem[] {
  const sound = soundFields(definitionSchema, value) as SoundDefinition;
  return [
    ...schemaProblems(definitionSchema, value, { kind: 'definition', numberAt: where?.numberAt }),
    ...missingProblems(value),
    ...definitionProblems(sound),
  ];
}

/** The productions of a campaign file, each a checked definition. */
export interface CampaignProduction {
  readonly definition: Definition;
  /** Where the file says what a field of the definition is. */
  readonly origin: (path: FieldPath) => FieldPath;
}

/** A campaign file that is as it should be. */
export interface ParsedCampaign {
  readonly name: string;
  readonly productions: readonly CampaignProduction[];
}

/** Productions with problems of their own: what is wrong with more of them is not looked for. */
const MOST_FAULTY = 20;

/**
 * The one way from a campaign file to its productions: every one of them is checked like a definition file. Throws `FABRICA_CAMPAIGN_INVALID`
 * with every problem once, on the line of the file that it comes from.
 */
export function parseCampaign(value: unknown, where?: Where): ParsedCampaign {
  const code = 'FABRICA_CAMPAIGN_INVALID';
  const numberAt = where?.numberAt;
  const formal = schemaProblems(campaignSchema, value, { kind: 'campaign', numberAt });
  if (formal.length > 0) throw problemsError(code, formal, where);
  const campaign = campaignSchema.parse(value);
  const { drafts, problems: own } = draftsOf(campaign);
  const problems = new DistinctProblems(own);
  const productions: CampaignProduction[] = [];
  let faulty = 0;
  for (const { name, origin, value: draft } of drafts) {
    const found = problemsOfDefinition(draft, { numberAt: (path) => numberAt?.(origin(path)) });
    problems.add(name, found, origin);
    if (found.length === 0) productions.push({ definition: definitionSchema.parse(draft), origin });
    else if (++faulty === MOST_FAULTY) break;
  }
  if (problems.list.length === 0) problems.addAll(seedProblems(campaign.campaign, productions));
  if (problems.list.length > 0) throw problemsError(code, problems.list, where);
  return { name: campaign.campaign, productions };
}

/** Each job has a seed that no other job of its campaign has. */
function seedProblems(campaign: string, productions: readonly CampaignProduction[]): Problem[] {
  const jobs = productions.reduce((sum, { definition }) => sum + (jobsAsked(definition) ?? 0), 0);
  if (jobs <= MAX_SEED) return [];
  return [
    {
      path: ['productions'],
      text: `makes ${jobs} jobs in campaign ${campaign}, more than the ${MAX_SEED} seeds that a campaign has: no two of its jobs may have the same`,
      remedy: 'raise fabrication.eventsPerJob, or divide the file into several campaigns',
    },
  ];
}

/**
 * The same for `fabrica.yaml`. Paths stay as they are written; `loadConfiguration` resolves them.
 * Throws `FABRICA_CONFIGURATION_INVALID`, whose message has every problem on a line of its own.
 */
export function parseConfiguration(value: unknown, where?: Where): Configuration {
  const { sites } = configurationFields.shape;
  const sound = {
    ...soundFields(configurationFields, value),
    sites: soundEntries(sites.element, value, 'sites'),
    storages: soundEntries(judgedStorageFields, value, 'storages'),
  } as SoundConfiguration;
  const problems = [
    ...schemaProblems(configurationFields, value, { kind: 'configuration', ...where }),
    ...configurationProblems(sound),
  ];
  if (problems.length > 0) throw problemsError('FABRICA_CONFIGURATION_INVALID', problems, where);
  return configurationFields.parse(value);
}

/** JSON Schema (draft 2020-12) of what a person may write into a definition file. */
export function definitionJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(definitionSchema, { io: 'input' }),
    title: 'Fabrica production definition',
  };
}

/** JSON Schema (draft 2020-12) of what a person may write into a campaign file. */
export function campaignJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(campaignSchema, { io: 'input' }), title: 'Fabrica campaign' };
}

/** JSON Schema (draft 2020-12) of what a person may write into `fabrica.yaml`. */
export function configurationJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(configurationFields, { io: 'input' }),
    title: 'Fabrica configuration',
  };
}

/**
 * The fields that the schema accepts, with defaults, so that rules can be checked beside the schema's own findings.
 * Mappings (not lists) that are faulty keep their sound fields.
 */
function soundFields(schema: z.ZodObject, value: unknown): Record<string, unknown> {
  const sound: Record<string, unknown> = {};
  if (typeof value !== 'object' || value === null) return sound;
  for (const [key, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const given: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
    const result = z.safeParse(field, given);
    const inner = mappingOf(field);
    if (result.success) sound[key] = result.data;
    else if (inner !== null) sound[key] = soundFields(inner, given);
  }
  return sound;
}

/** The same for each mapping of a list; undefined if there is no list. */
function soundEntries(
  schema: z.ZodObject,
  value: unknown,
  key: string,
): Record<string, unknown>[] | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  const list: unknown = Reflect.get(value, key);
  return Array.isArray(list) ? list.map((entry) => soundFields(schema, entry)) : undefined;
}

/** The mapping inside of what may be left out; null if the field is none. */
function mappingOf(field: z.core.$ZodType): z.ZodObject | null {
  if (field instanceof z.ZodDefault || field instanceof z.ZodOptional) {
    return mappingOf(field.unwrap());
  }
  return field instanceof z.ZodObject ? field : null;
}
