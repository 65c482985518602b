import type { Client } from '@temporalio/client';
import { campaignProductions } from '../../catalog/campaigns.js';
import type { Catalog } from '../../catalog/catalog.js';
import type { CommandAnswer } from '../../domain/command.js';
import type { FabricaError } from '../../domain/errors.js';
import type { ProductionState } from '../../domain/states/production.js';
import { requestOf, type ProductionRequest } from './request.js';
import { withSeveral, type OneOfSeveral } from './several.js';

/** What has come of a request to the productions of a campaign. */
export interface CampaignAnswer {
  /** Of each production that was asked. */
  readonly asked: readonly OneOfSeveral<CommandAnswer>[];
  /** Those that it does not concern in their state: most of them have ended. */
  readonly others: readonly { readonly name: string; readonly state: ProductionState }[];
}

/** s that each production is waited for: where thousands have something to do, their steps wait for each other. */
const PATIENCE = 60;

/**
 * Asks the same of every production of a campaign that is in one of these states, several at once, each as `requestOf` does. A
 * production's refusal keeps none of the others from it. What is so already is not asked for again, so it may be called again at any time.
 */
export async function requestOfCampaign(
  campaign: string,
  request: ProductionRequest,
  states: readonly ProductionState[],
  deps: {
    readonly client: Client;
    readonly catalog: Catalog;
    readonly tell: (message: string) => void;
    readonly ends: (error: FabricaError) => Promise<boolean>;
  },
): Promise<CampaignAnswer> {
  const { catalog, ends, tell } = deps;
  const rows = await catalog.read((db) => campaignProductions(db, campaign));
  const concerned = rows.filter(({ state }) => states.includes(state));
  const asked = await withSeveral(
    concerned.map(({ name }) => name),
    (name) => requestOf(name, request, { ...deps, patience: PATIENCE, tell: () => undefined }),
    {
      ends,
      tell: (done) =>
        tell(`${request.kind}: ${done} of ${concerned.length} productions have answered.`),
    },
  );
  const others = rows.filter((row) => !concerned.includes(row));
  return { asked, others: others.map(({ name, state }) => ({ name, state })) };
}
