import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandle,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
  WorkflowIdReusePolicy,
} from '@temporalio/client';
import type { Catalog } from '../../catalog/catalog.js';
import {
  registeredDefinition,
  type RegisteredDefinition,
} from '../../catalog/views/registered-definition.js';
import type { Clock } from '../../domain/clock.js';
import type { Configuration } from '../../domain/configuration.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import { CONTROL_QUEUE, productionWorkflowId } from '../../domain/names.js';
import { canonicalDefinition } from '../../domain/parse.js';
import { LIVE_PRODUCTION_STATES, type ProductionState } from '../../domain/states/production.js';
import { definitionConflict } from '../../policy/definition-conflict.js';
import type { production } from '../../workflows/production.js';
import type { SandboxPlan } from '../sandbox.js';
import { changesSince, type ChangeSince } from './changes-since.js';
import { pendingFailure, whatHinders } from './pending-failure.js';
import { uploadPayloads } from './payload-upload.js';
import { withRegisteredFiles } from './sandbox-references.js';
import { NOT_REGISTERED, type Registered } from './standing.js';

/** What a submission has come to. */
export interface Submission {
  readonly production: string;
  /** `exists`: this definition was registered or submitted before; this call has made nothing new. */
  readonly outcome: 'registered' | 'revised' | 'exists';
  readonly revision: number;
  readonly state: ProductionState;
  readonly workflowId: string;
  /** What commands have changed since this definition was submitted; of one that `exists`. */
  readonly changed: readonly ChangeSince[];
}

export interface SubmissionOptions {
  readonly client: Client;
  readonly catalog: Catalog;
  readonly configuration: Configuration;
  readonly plan: SandboxPlan;
  /** The planned definition with its payload files uploaded, where that has been done. (Default: they are uploaded) */
  readonly uploaded?: Definition;
  /** `user@host`. */
  readonly by: string;
  readonly clock: Clock;
  /** s until it is given up. (Default: 60) */
  readonly patience?: number;
  /** Told that it takes long, and what keeps the control process from it. */
  readonly tell: (message: string) => void;
}

type Handle = WorkflowHandle<typeof production>;

/**
 * Uploads the payload, starts the production's workflow and waits until it is registered. The same definition twice is one production. Throws
 * `FABRICA_DEFINITION_CONFLICT` with the difference if the name has another one, and what registration refuses it for; if nobody registers
 * it in time, what keeps the control process from it, or `FABRICA_WORKER_ABSENT`.
 */
export async function submitProduction(options: SubmissionOptions): Promise<Submission> {
  const { catalog, client, configuration, plan } = options;
  const { name } = plan.definition;
  const workflowId = productionWorkflowId(name);
  const known = await catalog.read((db) => registeredDefinition(db, name));
  if (known !== null) {
    const registered = known.revision.definition;
    const { state } = known.production;
    const submitted = submittedAs(plan, known);
    if (submitted !== undefined) {
      if (LIVE_PRODUCTION_STATES.includes(state)) await start(client, registered, options.by);
      const { revision } = known.revision;
      const changed = changesSince(known.production, submitted, known.revision);
      return { production: name, outcome: 'exists', revision, state, workflowId, changed };
    }
    refuseConflict(plan, known);
    // What its scouts left is removed by the run that had started them.
    await untilEnded(client, workflowId, options);
  }
  const uploaded =
    options.uploaded ?? (await uploadPayloads([plan], configuration, catalog.epoch))[0];
  if (uploaded === undefined) throw new Error('an upload gives back each definition');
  const definition = { ...uploaded, owner: uploaded.owner || ownerOf(options.by) };
  const { handle, started } = await start(client, definition, options.by);
  const state = await untilRegistered(handle, definition, options);
  return {
    production: name,
    // Of two that submit it at once one makes it.
    outcome: !started ? 'exists' : known === null ? 'registered' : 'revised',
    revision: known === null ? 1 : known.revision.revision + 1,
    state,
    workflowId,
    changed: [],
  };
}

/** Only a rejected production takes another definition; throws `FABRICA_DEFINITION_CONFLICT` with the difference. */
function refuseConflict(plan: SandboxPlan, { production, revision }: RegisteredDefinition): void {
  const { estimate, name, priority, state } = production;
  if (state === 'Rejected') return;
  const registered = revision.definition;
  throw definitionConflict(
    { name, state, priority, verdict: estimate !== null },
    registered,
    withRegisteredFiles(plan, registered),
  );
}

/** What a definition is of the registered one: what was submitted, or what commands have made of that; undefined if it is another one. */
function submittedAs(plan: SandboxPlan, known: RegisteredDefinition): Definition | undefined {
  return allForms(known).find((definition) => {
    const again = withRegisteredFiles(plan, definition);
    return canonicalDefinition(again) === canonicalDefinition(definition);
  });
}

const allForms = ({ present, since }: RegisteredDefinition): Definition[] => [
  present,
  ...since.map(({ definition }) => definition),
];

/**
 * How a definition stands to the catalog: one that was submitted is the same, whatever commands have made of it since. Throws
 * `FABRICA_DEFINITION_CONFLICT` with the difference.
 */
export async function standingOf(plan: SandboxPlan, catalog: Catalog): Promise<Registered> {
  const known = await catalog.read((db) => registeredDefinition(db, plan.definition.name));
  if (known === null) return NOT_REGISTERED;
  const submitted = submittedAs(plan, known);
  if (submitted !== undefined) {
    return { standing: 'same', changed: changesSince(known.production, submitted, known.revision) };
  }
  refuseConflict(plan, known);
  return { standing: 'revision', changed: [] };
}

const ownerOf = (by: string): string => by.split('@')[0] ?? by;

/** Starts the workflow of a production unless it runs; tells whether it was this call. */
async function start(
  client: Client,
  definition: Definition,
  by: string,
): Promise<{ handle: Handle; started: boolean }> {
  const workflowId = productionWorkflowId(definition.name);
  try {
    const handle = await client.workflow.start<typeof production>('production', {
      taskQueue: CONTROL_QUEUE,
      workflowId,
      args: [{ definition, by }],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `production ${definition.name}`,
    });
    return { handle, started: true };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { handle: client.workflow.getHandle<typeof production>(workflowId), started: false };
  }
}

/** Waits until the workflow of a rejected production has ended; one that Temporal does not have has. */
async function untilEnded(
  client: Client,
  workflowId: string,
  { clock, patience = 60, tell }: SubmissionOptions,
): Promise<void> {
  const begun = clock.now();
  for (let told = false; clock.now() < begun + 1000 * patience; await sleep(LOOK)) {
    try {
      const { status } = await client.workflow.getHandle(workflowId).describe();
      if (status.name !== 'RUNNING') return;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return;
      throw error;
    }
    if (told || clock.now() - begun < SLOW) continue;
    told = true;
    tell(`${workflowId} still removes what its scouts left; waiting, for at most ${patience} s.`);
  }
  throw new FabricaError(
    'FABRICA_WORKER_ABSENT',
    `${workflowId} was rejected, and what its scouts left is not removed within ${patience} s.`,
    {},
    { remedy: 'See that all processes run (`fabrica doctor`), then submit it again.' },
  );
}

/** ms. */
const LOOK = 100;
const DESCRIBE_EVERY = 5;
/** Registration takes a fraction of a second; after this it is told that it takes longer. */
const SLOW = 3_000;

async function untilRegistered(
  handle: Handle,
  definition: Definition,
  { catalog, client, clock, patience = 60, tell }: SubmissionOptions,
): Promise<ProductionState> {
  const { name } = definition;
  const canonical = canonicalDefinition(definition);
  const begun = clock.now();
  const deadline = begun + 1000 * patience;
  const sent = `The workflow ${handle.workflowId} is started`;
  let told = false;
  let cause: FabricaError | null = null;
  for (let looks = 1; clock.now() < deadline; looks++) {
    const found = await catalog.read((db) => registeredDefinition(db, name));
    if (found !== null) {
      const registered = found.revision.definition;
      if (allForms(found).some((one) => canonicalDefinition(one) === canonical)) {
        return found.production.state;
      }
      const { estimate, priority, state } = found.production;
      if (state !== 'Rejected') {
        throw definitionConflict(
          { name, state, priority, verdict: estimate !== null },
          registered,
          definition,
        );
      }
    }
    if (looks % DESCRIBE_EVERY === 0) {
      const { status } = await handle.describe();
      // Throws why it has failed.
      if (status.name !== 'RUNNING' && status.name !== 'COMPLETED') await handle.result();
      if (!told && clock.now() - begun > SLOW) {
        told = true;
        tell(`${sent}; waiting until it is registered, for at most ${patience} s.`);
      }
      if (told && cause === null) {
        cause = await pendingFailure(client, handle.workflowId, sent);
        if (cause !== null) tell(cause.message);
      }
    }
    await sleep(LOOK);
  }
  const failure = await whatHinders(client, catalog, handle.workflowId, sent);
  if (failure !== null) throw failure;
  throw new FabricaError(
    'FABRICA_WORKER_ABSENT',
    `${sent}, but has registered nothing within ${patience} s.`,
    { production: name },
    {
      remedy:
        'See that `fabrica up` or `fabrica worker control` runs (`fabrica doctor`); it registers the production when it comes.',
    },
  );
}
