import type { Db } from '../../catalog/catalog.js';
import { totalsOfInputs } from '../../catalog/input-sets.js';
import type { ProductionRow } from '../../catalog/productions.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import type { Estimate, EstimateRules } from '../../policy/estimate.js';
import { inputShape, type GroupingLimits, type InputShape } from '../../policy/input-grouping.js';

/** What the scouts measured; throws if there has been no verdict, which `nextStep` never lets happen. */
export function estimateOf(production: Pick<ProductionRow, 'name' | 'estimate'>): Estimate {
  if (production.estimate === null) {
    throw new FabricaError(
      'FABRICA_INTERNAL',
      `Production ${production.name} has no estimate yet.`,
      { production: production.name },
    );
  }
  // Written by `saveEstimate` only.
  return JSON.parse(production.estimate) as Estimate;
}

/** What is to be done in all. */
export interface Work {
  readonly events: number;
  /** What the jobs read; null if they make events from nothing. */
  readonly input: InputShape | null;
}

/** The work of a registered production. */
export async function workOf(
  db: Db,
  production: Pick<ProductionRow, 'id' | 'events'>,
  definition: Definition,
): Promise<Work> {
  const { events } = production;
  if (definition.input === undefined) return { events, input: null };
  const totals = await totalsOfInputs(db, production.id, 'input');
  return { events, input: inputShape(totals, groupingLimits(definition, null)) };
}

/** The rules of `estimate` that a definition sets. */
export function estimateRules(definition: Definition, { events, input }: Work): EstimateRules {
  const { fabrication, merge } = definition;
  return {
    eventsPerJob: fabrication.eventsPerJob,
    targetWallSeconds: fabrication.targetWallTime,
    wallSeconds: fabrication.limits.wallTime,
    memoryMB: fabrication.limits.memory / 1e6,
    events,
    mergeBytes:
      merge === undefined || merge.targetEvents !== undefined ? null : (merge.targetSize ?? 1e9),
    mergeEvents: merge?.targetEvents ?? null,
    ...(input === null ? {} : { input }),
  };
}

/** How many files a job may read, by its definition and by what the scouts have measured. */
export function groupingLimits(
  { fabrication, input }: Definition,
  estimate: Estimate | null,
): GroupingLimits {
  const grouping = input?.grouping;
  return {
    maxFiles: grouping?.maxFiles ?? 1,
    maxSize: grouping?.maxSize ?? fabrication.limits.disk / 2,
    maxEvents: Math.min(grouping?.maxEvents ?? Infinity, estimate?.mostInputEvents ?? Infinity),
  };
}
