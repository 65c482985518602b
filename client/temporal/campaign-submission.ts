import { campaignProductions } from '../../catalog/campaigns.js';
import type { Catalog } from '../../catalog/catalog.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import type { CampaignFile } from '../campaign-file.js';
import { campaignInputs, inputNotes } from '../campaign-inputs.js';
import type { SandboxPlan } from '../sandbox.js';
import { uploadPayloads } from './payload-upload.js';
import { withSeveral, type OneOfSeveral } from './several.js';
import {
  standingOf,
  submitProduction,
  type Submission,
  type SubmissionOptions,
} from './submission.js';
import type { Registered } from './standing.js';

/** s. A control process that has thousands of productions to begin is slow, not absent: whether there is one is asked before. */
const PATIENCE = 600;
/** More productions of another content are only counted. */
const MOST_CONFLICTS = 10;

/**
 * How each production of a campaign file stands to the catalog, in their order. Throws `FABRICA_DEFINITION_CONFLICT` if one is registered
 * with another definition that it can not follow, with what differs.
 */
export async function standings(
  plans: readonly SandboxPlan[],
  catalog: Catalog,
): Promise<Registered[]> {
  const found: Registered[] = [];
  const conflicts: FabricaError[] = [];
  for (const plan of plans) {
    try {
      found.push(await standingOf(plan, catalog));
    } catch (error) {
      if (!(error instanceof FabricaError)) throw error;
      conflicts.push(error);
    }
  }
  if (conflicts.length > 0) throw campaignConflict(conflicts, plans.length);
  return found;
}

/** The priorities of all productions of the campaign that are registered, by name. */
export async function prioritiesOf(
  { name }: CampaignFile,
  catalog: Catalog,
): Promise<Map<string, number>> {
  const all = await catalog.read((db) => campaignProductions(db, name));
  return new Map(all.map((row) => [row.name, row.priority]));
}

/** Productions of the campaign that the file does not make: submitted by themselves, or from a file that named them otherwise. */
export async function othersOf({ name, plans }: CampaignFile, catalog: Catalog): Promise<string[]> {
  const own = new Set(plans.map(({ definition }) => definition.name));
  const all = await catalog.read((db) => campaignProductions(db, name));
  return all.map((row) => row.name).filter((one) => !own.has(one));
}

function campaignConflict(conflicts: readonly FabricaError[], all: number): FabricaError {
  const told = conflicts.slice(0, MOST_CONFLICTS).map(({ message }) => message.trimEnd());
  const more = conflicts.length - told.length;
  const [first] = conflicts;
  const name = first?.place['production'] ?? 'the first';
  return new FabricaError(
    'FABRICA_DEFINITION_CONFLICT',
    `${conflicts.length} of ${all} productions are registered with another definition; nothing is submitted.\n` +
      `${told.join('\n')}${more > 0 ? `\n... and ${more} more` : ''}\n`,
    {},
    {
      remedy: `Of ${name}: ${first?.remedy ?? ''} The value before each arrow is what is registered; for other events under the same campaign, have \`name\` name the new productions differently.`,
    },
  );
}

/**
 * Submits what is missing of a campaign: payload files are uploaded once, then each production is started and waited for, several at
 * once. What is registered already stays as it is, so that it may be called again at any time. Throws what `standings`, `campaignInputs` and
 * `uploadPayloads` throw, before any production is started.
 */
export async function submitCampaign(
  file: CampaignFile,
  options: Omit<SubmissionOptions, 'plan' | 'uploaded'> & {
    readonly ends: (error: FabricaError) => Promise<boolean>;
    /** Told what a person should know of the files that are read, before anything is started. */
    readonly warn: (warnings: readonly string[]) => void;
  },
): Promise<OneOfSeveral<Submission>[]> {
  const { catalog, configuration, ends, tell, warn } = options;
  const stands = await standings(file.plans, catalog);
  warn(inputNotes(file, stands, await campaignInputs(file, stands, catalog)));
  const wanted = file.plans.filter((_, i) => stands[i]?.standing !== 'same');
  const uploaded = await uploadPayloads(wanted, configuration, catalog.epoch);
  const ready = new Map<string, Definition>(uploaded.map((one) => [one.name, one]));
  const plans = new Map(file.plans.map((plan) => [plan.definition.name, plan]));
  return withSeveral(
    [...plans.keys()],
    async (name) => {
      const plan = plans.get(name);
      if (plan === undefined) throw new Error(`${name} has no plan`);
      const definition = ready.get(name);
      return submitProduction({
        ...options,
        ...{ plan, patience: PATIENCE, tell: () => undefined },
        ...(definition === undefined ? {} : { uploaded: definition }),
      });
    },
    { ends, tell: (done) => tell(`${done} of ${plans.size} productions are submitted.`) },
  );
}
