import { z } from 'zod';
import {
  type Configuration,
  configurationFields,
  configurationProblems,
  type SoundConfiguration,
} from './configuration.js';
import { type Definition, definitionSchema } from './definition.js';
import { definitionProblems, type SoundDefinition } from './definition-rules.js';
import { problemsError, type Where } from './problem.js';
import { schemaProblems } from './schema-problems.js';

export { canonicalDefinition, definitionDifference } from './definition-content.js';
export { definitionWarnings } from './definition-rules.js';
export type { Where } from './problem.js';

/**
 * The one way from a value that a person wrote to a definition with all defaults: schema and rules.
 * Throws `FABRICA_DEFINITION_INVALID`, whose message has every problem on a line of its own.
 */
export function parseDefinition(value: unknown, where?: Where): Definition {
  const sound = soundFields(definitionSchema, value) as SoundDefinition;
  const problems = [
    ...schemaProblems(definitionSchema, value, { kind: 'definition', ...where }),
    ...definitionProblems(sound),
  ];
  if (problems.length > 0) throw problemsError('FABRICA_DEFINITION_INVALID', problems, where);
  return definitionSchema.parse(value);
}

/**
 * The same for `fabrica.yaml`. Paths stay as they are written; `loadConfiguration` resolves them.
 * Throws `FABRICA_CONFIGURATION_INVALID`, whose message has every problem on a line of its own.
 */
export function parseConfiguration(value: unknown, where?: Where): Configuration {
  const { sites, storages } = configurationFields.shape;
  const sound = {
    ...soundFields(configurationFields, value),
    sites: soundEntries(sites.element, value, 'sites'),
    // What storages of every kind have.
    storages: soundEntries(storages.element.options[0], value, 'storages'),
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
