import path from 'node:path';
import type { Configuration } from '../domain/configuration.js';
import { DistinctProblems } from '../domain/campaign-problems.js';
import type { ErrorCode } from '../domain/errors.js';
import {
  type CampaignProduction,
  definitionWarnings,
  parseCampaign,
  type ParsedCampaign,
  type Where,
} from '../domain/parse.js';
import { type Problem, problemsError } from '../domain/problem.js';
import { readDocument } from './definition-file.js';
import { lookAtPayload, type MeasuredFiles, type SandboxPlan } from './sandbox.js';
import { nameProblems } from './temporal/names-check.js';

/** A campaign file on the submitter's computer, with everything that can be known of its productions before anything is submitted. */
export interface CampaignFile extends ParsedCampaign {
  /** For each production, in the same order. */
  readonly plans: readonly SandboxPlan[];
  /** The file, and the lines of its fields. */
  readonly where: Where;
  /** Sentences about what is allowed but probably not meant, each once. */
  readonly warnings: readonly string[];
}

/**
 * Reads a campaign file and looks at all that its productions name but what the catalog knows (see `campaignInputs`): sites, areas, payload
 * files, each file once. Throws `FABRICA_DEFINITION_UNREADABLE`, `FABRICA_CAMPAIGN_INVALID` or `FABRICA_PAYLOAD_MISSING` with every problem, its line and a production
 * that has it.
 */
export async function readCampaign(
  file: string,
  configuration: Configuration,
): Promise<CampaignFile> {
  const { value, where } = readDocument(file, 'campaign');
  const { name, productions } = parseCampaign(value, where);
  const names = new DistinctProblems();
  for (const { definition, origin } of productions) {
    names.add(definition.name, nameProblems(definition, configuration), origin);
  }
  refuse('FABRICA_CAMPAIGN_INVALID', names.list, where);
  const plans = await planAll(productions, path.dirname(path.resolve(file)), where);
  return { name, productions, plans, where, warnings: warningsOf(productions) };
}

async function planAll(
  productions: readonly CampaignProduction[],
  folder: string,
  where: Where,
): Promise<SandboxPlan[]> {
  const measured: MeasuredFiles = new Map();
  const missing = new DistinctProblems();
  const plans: SandboxPlan[] = [];
  for (const { definition, origin } of productions) {
    const { plan, problems } = await lookAtPayload(definition, folder, measured);
    missing.add(definition.name, problems, origin);
    plans.push(plan);
  }
  refuse('FABRICA_PAYLOAD_MISSING', missing.list, where);
  return plans;
}

function refuse(code: ErrorCode, problems: readonly Problem[], where: Where): void {
  if (problems.length > 0) throw problemsError(code, problems, where);
}

function warningsOf(productions: readonly CampaignProduction[]): string[] {
  return [...new Set(productions.flatMap(({ definition }) => definitionWarnings(definition)))];
}
