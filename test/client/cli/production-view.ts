import type { ProductionView } from '../../../catalog/views/production-view.js';
import { parseDefinition } from '../../../domain/parse.js';
import type { DefinitionInput } from '../../../domain/definition.js';
import type { ProductionProgress } from '../../../domain/progress.js';

/** A definition of 40 jobs' worth of events. */
export const DEFINITION: DefinitionInput = {
  name: 'mumu',
  dataset: {
    ...{ campaign: 'MC16', release: 'r8', globalTag: 'DB1', experiment: 1003, eventType: 'mumu' },
  },
  events: 400,
  fabrication: { command: ['gen', '{seed}', '{output}'], outputs: [{ file: 'out.root' }] },
};

/** A production that has just become active, as the catalog's view of it, but for what is given. */
export function viewOf(
  progress: Partial<ProductionProgress> = {},
  more: Partial<ProductionView> = {},
): ProductionView {
  return {
    name: 'mumu',
    group: 'production',
    owner: 'ann',
    description: '',
    heldFor: null,
    campaign: 'MC16',
    revision: 1,
    revisions: [{ revision: 1, submittedBy: 'ann@here', createdAt: 0 }],
    createdAt: 0,
    updatedAt: 0,
    finishedAt: null,
    progress: {
      production: 'mumu',
      state: 'Active',
      reason: '',
      priority: 5,
      events: { asked: 400, wanted: 400, made: 0, merged: 0, distributed: 0, waived: 0 },
      files: 0,
      bytes: 0,
      blocks: {},
      jobs: {},
      merges: {},
      failures: {},
      at: 0,
      ...progress,
    },
    merges: false,
    estimate: null,
    blocks: [],
    blocksInAll: 0,
    openBySite: {},
    nextPlacementAt: null,
    leftOut: [],
    lineage: { inputFiles: 0, overlayFiles: 0, reads: [], readBy: [] },
    remnants: [],
    log: [],
    definition: parseDefinition(DEFINITION),
    ...more,
  };
}
