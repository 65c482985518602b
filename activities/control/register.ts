import { createHash } from 'node:crypto';
import { blocksOf } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import {
  changeProductionState,
  findProduction,
  getProduction,
  insertProduction,
  insertRevision,
  redefineProduction,
  revisionOf,
  revisionsSinceSubmission,
  type ProductionRow,
} from '../../catalog/productions.js';
import { condemnSandboxes, registerSandbox } from '../../catalog/sandbox.js';
import type { Definition } from '../../domain/definition.js';
import { presentDefinition } from '../../domain/definition-content.js';
import { FabricaError } from '../../domain/errors.js';
import { physicalPath } from '../../domain/lfn.js';
import { canonicalDefinition, parseDefinition } from '../../domain/parse.js';
import type { ProductionState } from '../../domain/states/production.js';
import type { ControlContext } from './context.js';
import { definitionConflict } from '../../policy/definition-conflict.js';
import type { StoredExpectation } from '../storage/index.js';
import { fixDefinedInputs } from './fixed-inputs.js';
import { listsOf, type ListToStage } from './list-staging.js';
import { checkNames } from './known-names.js';
import { byStorage, type StorageBatch } from './storage-batches.js';
import { storedFiles } from './stored-files.js';

/** Either a definition, or the name of what is registered already (re-entry). */
export interface RegisterInput {
  readonly definition?: unknown;
  readonly production?: string;
  /** The workflow's id: must be `production/<name>`. */
  readonly workflowId: string;
  readonly by: string;
}

export interface Registration {
  readonly epoch: string;
  readonly production: string;
  readonly campaign: string;
  readonly priority: number;
  readonly state: ProductionState;
}

/** What must be on the storages before a definition can be registered. */
export interface Validation {
  readonly production: string;
  readonly registered: boolean;
  /** A rejected revision of which something is still to be removed: that comes first. Null if there is none. */
  readonly ending: Registration | null;
  readonly sandboxes: readonly StorageBatch<StoredExpectation>[];
  /** Lists of input files, to be brought into the catalog after that. */
  readonly lists: readonly ListToStage[];
}

/** Checking a definition and making a production of it. */
export function registration(context: ControlContext) {
  const { catalog, clock, configuration } = context;

  /** Checks everything that can be checked without the storages; throws with all problems named. */
  async function validateDefinition(input: RegisterInput): Promise<Validation> {
    if (input.definition === undefined) {
      const name = namedProduction(input);
      await catalog.read((db) => getProduction(db, name));
      checkWorkflowId(input.workflowId, name);
      return { production: name, registered: true, ending: null, sandboxes: [], lists: [] };
    }
    const definition = parseDefinition(input.definition);
    checkWorkflowId(input.workflowId, definition.name);
    return catalog.read(async (db) => {
      await checkNames(db, definition);
      const known = await findProduction(db, definition.name);
      if (known !== undefined) await refuseConflict(db, known, definition);
      return {
        production: definition.name,
        registered: known !== undefined && known.state !== 'Rejected',
        ending: await endingOf(db, known),
        sandboxes: byStorage(storedFiles(definition), ({ storage, lfn, size, adler32 }) => ({
          storage,
          file: { path: physicalPath(catalog.epoch, lfn), size, adler32 },
        })),
        lists: listsOf(definition).map(({ list: { lfn, storage } }) => ({
          ...{ production: definition.name, lfn, storage },
          path: physicalPath(catalog.epoch, lfn),
        })),
      };
    });
  }

  /** Registers the definition; the same one twice is one production. */
  async function register(input: RegisterInput): Promise<Registration> {
    const row = await catalog.write(async (db) => {
      if (input.definition === undefined) return getProduction(db, namedProduction(input));
      const definition = parseDefinition(input.definition);
      await checkNames(db, definition);
      const known = await findProduction(db, definition.name);
      if (known === undefined) return registerNew(db, definition, input.by);
      const conflict = await refuseConflict(db, known, definition);
      return conflict === 'same' ? known : registerRevision(db, known, definition, input.by);
    });
    return registrationOf(row);
  }

  function registrationOf(row: ProductionRow): Registration {
    return {
      epoch: catalog.epoch,
      production: row.name,
      campaign: row.campaign,
      priority: row.priority,
      state: row.state,
    };
  }

  /** Its workflow was ended before it had removed what the scouts left. */
  async function endingOf(db: Db, row: ProductionRow | undefined): Promise<Registration | null> {
    if (row?.state !== 'Rejected') return null;
    const blocks = await blocksOf(db, row.id);
    return blocks.some(({ state }) => state !== 'Discarded') ? registrationOf(row) : null;
  }

  async function registerNew(db: Db, definition: Definition, by: string): Promise<ProductionRow> {
    const now = clock.now();
    const row = await insertProduction(db, definition, now);
    await storeRevision(db, row, definition, by);
    await recordEvent(db, {
      at: now,
      who: by,
      production: row.id,
      what: 'registered',
      why: definition.description,
    });
    return row;
  }

  async function registerRevision(
    db: Db,
    row: ProductionRow,
    definition: Definition,
    by: string,
  ): Promise<ProductionRow> {
    const before = storedFiles((await revisionOf(db, row)).definition);
    await redefineProduction(db, row, definition);
    await storeRevision(db, row, definition, by);
    const kept = new Set(storedFiles(definition).map(({ lfn }) => lfn));
    const unused = before.map(({ lfn }) => lfn).filter((lfn) => !kept.has(lfn));
    await condemnSandboxes(db, row.id, unused, clock.now());
    await changeProductionState(db, row, {
      to: 'Scouting',
      why: `revision ${row.revision}`,
      who: by,
      now: clock.now(),
    });
    return row;
  }

  async function storeRevision(
    db: Db,
    row: ProductionRow,
    definition: Definition,
    by: string,
  ): Promise<void> {
    const canonical = canonicalDefinition(definition);
    await insertRevision(db, {
      production: row.id,
      revision: row.revision,
      canonical,
      digest: digestOf(canonical),
      scheme: configuration.lfn,
      by,
      now: clock.now(),
    });
    for (const payload of storedFiles(definition)) {
      const path = physicalPath(catalog.epoch, payload.lfn);
      await registerSandbox(db, row.id, payload, path, clock.now());
    }
    if (definition.input !== undefined || definition.overlay !== undefined || row.revision > 1) {
      await fixDefinedInputs(db, row, definition, clock.now());
    }
  }

  return { validateDefinition, register };
}

/** What tells definitions of different content from each other. */
export const digestOf = (canonical: string): string =>
  createHash('sha256').update(canonical).digest('hex');

/** The production that an input without a definition means. */
function namedProduction({ production, workflowId }: RegisterInput): string {
  if (typeof production === 'string' && production !== '') return production;
  throw new FabricaError(
    'FABRICA_DEFINITION_INVALID',
    `The input of ${workflowId} has neither a definition nor the name of a production.`,
    {},
    {
      remedy:
        'Give {"definition": {...}} to make one (`fabrica schema definition` prints its fields), or {"production": "NAME"} of one that is registered.',
    },
  );
}

function checkWorkflowId(workflowId: string, production: string): void {
  if (workflowId !== `production/${production}`) {
    throw new FabricaError(
      'FABRICA_DEFINITION_INVALID',
      `name: the definition is of ${production}, but the workflow's id is ${workflowId}.`,
      { field: 'name' },
      { remedy: `Start it with the workflow id production/${production}.` },
    );
  }
}

/** `same` if it is what was submitted, or what commands (`reprioritize`, too) have made of that, `revision` if it may follow a rejected one; throws `FABRICA_DEFINITION_CONFLICT`. */
async function refuseConflict(
  db: Db,
  known: ProductionRow,
  definition: Definition,
): Promise<'same' | 'revision'> {
  const digest = digestOf(canonicalDefinition(definition));
  const since = await revisionsSinceSubmission(db, known);
  if (since.some((one) => one.digest === digest)) return 'same';
  const registered = (await revisionOf(db, known)).definition;
  if (digestOf(canonicalDefinition(presentDefinition(registered, known))) === digest) return 'same';
  const { estimate, name, priority, state } = known;
  if (state === 'Rejected') return 'revision';
  const conflicting = { name, state, priority, verdict: estimate !== null };
  throw definitionConflict(conflicting, registered, definition);
}
