import type { Client } from '@temporalio/client';
import { campaignProductions } from '../../catalog/campaigns.js';
import { commandCase } from '../../activities/control/command-effect.js';
import type { Catalog } from '../../catalog/catalog.js';
import type { ProductionRow } from '../../catalog/productions.js';
import type { CommandAnswer } from '../../domain/command.js';
import type { FabricaError } from '../../domain/errors.js';
import type { ProductionState } from '../../domain/states/production.js';
import { commandAllowed, neverExtended } from '../../policy/command-rules.js';
import { requestOf, type ProductionRequest } from './request.js';
import { withSeveral, type OneOfSeveral } from './several.js';

/** A production of a campaign after a request. */
export type StateAndPriority = Pick<ProductionRow, 'state' | 'priority'>;

/** What has come of a request to the productions of a campaign. */
export interface CampaignAnswer {
  /** Of each production that was asked. */
  readonly asked: readonly (OneOfSeveral<CommandAnswer> & StateAndPriority)[];
  /** Those that it does not concern, and why: most of them have ended. */
  readonly others: readonly (StateAndPriority & { readonly name: string; readonly why: string })[];
}

/** s that each production is waited for: where thousands have something to do, their steps wait for each other. */
const PATIENCE = 60;

/** Why a request to a campaign does not concern one of its productions; null if it does. */
export function whyUnconcerned(
  row: ProductionRow,
  kind: ProductionRequest['kind'],
  states: readonly ProductionState[],
): string | null {
  if (states.includes(row.state)) {
    return kind === 'extend' ? (neverExtended(row)?.why ?? null) : null;
  }
  const verdict = commandAllowed(kind, commandCase(row));
  return verdict.allowed === 'no' ? verdict.why : `it is ${row.state}`;
}

/**
 * Asks the same of every production of a campaign that it concerns in these states, several at once, each as `requestOf` does. A
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
  const unconcerned = new Map(
    rows.map((row) => [row.name, whyUnconcerned(row, request.kind, states)]),
  );
  const concerned = rows.filter(({ name }) => unconcerned.get(name) === null);
  const answers = await withSeveral(
    concerned.map(({ name }) => name),
    (name) => requestOf(name, request, { ...deps, patience: PATIENCE, tell: () => undefined }),
    {
      ends,
      tell: (done) =>
        tell(`${request.kind}: ${done} of ${concerned.length} productions have answered.`),
    },
  );
  const others = rows.flatMap(({ name, priority, state }) => {
    const why = unconcerned.get(name) ?? null;
    return why === null ? [] : [{ name, priority, state, why }];
  });
  return { asked: await withStandings(catalog, campaign, answers), others };
}

/** The answers with what the catalog says of their productions now: those that have answered nothing too. */
async function withStandings(
  catalog: Catalog,
  campaign: string,
  answers: readonly OneOfSeveral<CommandAnswer>[],
): Promise<CampaignAnswer['asked']> {
  const rows = await catalog.read((db) => campaignProductions(db, campaign));
  const byName = new Map(rows.map((row) => [row.name, row]));
  return answers.flatMap((one) => {
    const row = byName.get(one.production);
    if (row === undefined) return [];
    const { priority, state } = one.answer ?? row;
    return [{ ...one, priority, state }];
  });
}
