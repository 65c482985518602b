import type { ProductionRow } from '../../catalog/productions.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import type { Estimate, EstimateRules } from '../../policy/estimate.js';

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

/** The rules of `estimate` that a definition sets. */
export function estimateRules(definition: Definition): EstimateRules {
  const { fabrication, merge, events } = definition;
  return {
    eventsPerJob: fabrication.eventsPerJob,
    targetWallSeconds: fabrication.targetWallTime,
    wallSeconds: fabrication.limits.wallTime,
    memoryMB: fabrication.limits.memory / 1e6,
    events,
    mergeBytes:
      merge === undefined || merge.targetEvents !== undefined ? null : (merge.targetSize ?? 1e9),
    mergeEvents: merge?.targetEvents ?? null,
  };
}
