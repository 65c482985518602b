import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Catalog } from '../../catalog/catalog.js';
import { getProduction, type ProductionRow } from '../../catalog/productions.js';
import { lastLogId, logSince } from '../../catalog/views/log-since.js';
import type { EventLine } from '../../catalog/views/production-view.js';
import type { Clock } from '../../domain/clock.js';
import type { CommandKind } from '../../domain/command.js';
import { FabricaError } from '../../domain/errors.js';
import { CONTROL_QUEUE, productionWorkflowId } from '../../domain/names.js';
import { LIVE_PRODUCTION_STATES, type ProductionState } from '../../domain/states/production.js';
import type { production } from '../../workflows/production.js';
import { whatHinders } from './pending-failure.js';

/** What a person asks of a production. */
export interface ProductionRequest {
  readonly kind: Exclude<CommandKind, 'malformed'>;
  readonly who: string;
  readonly why: string;
  /** `reprioritize` only. */
  readonly value?: number;
  /** The part of the jobs that is meant, as a signal takes it (`domain/selection.ts`). */
  readonly select?: Readonly<Record<string, unknown>>;
}

export interface RequestAnswer {
  readonly production: string;
  readonly request: string;
  readonly state: ProductionState;
  readonly priority: number;
  readonly reason: string;
  /** False if it was so already. */
  readonly changed: boolean;
  /** What the event log says about it. */
  readonly events: readonly EventLine[];
}

/** ms. */
const LOOK = 100;
const SILENT = 1000;

/**
 * Sends a request to a production and waits until the event log tells what came of it; `tell` is called once if that takes more than a
 * second. What is so already is not asked for again. Throws `FABRICA_COMMAND_REFUSED` with the reason; after `patience` s (default: 20)
 * what keeps the control process from it, such as `FABRICA_CATALOG_LOCKED`, or `FABRICA_WORKER_ABSENT`.
 */
export async function requestOf(
  name: string,
  request: ProductionRequest,
  deps: {
    client: Client;
    catalog: Catalog;
    clock: Clock;
    tell: (message: string) => void;
    patience?: number;
  },
): Promise<RequestAnswer> {
  const { catalog, client, clock, patience = 20, tell } = deps;
  const before = await catalog.read((db) => getProduction(db, name));
  if (isSo(before, request)) return answer(before, request, []);
  const after = await catalog.read((db) => lastLogId(db, before.id));
  await send(client, before, request);
  const begun = clock.now();
  const deadline = begun + 1000 * patience;
  let told = false;
  while (clock.now() < deadline) {
    const news = await catalog.read((db) => logSince(db, before.id, after));
    const mine = news.filter(({ who }) => who === request.who);
    const refusal = mine.find(({ what }) => what === `${request.kind} refused`);
    if (refusal !== undefined) throw refused(name, request, refusal.why);
    if (mine.length > 0) {
      return answer(await catalog.read((db) => getProduction(db, name)), request, mine);
    }
    if (!told && clock.now() >= begun + SILENT) {
      tell(`${request.kind} is sent; waiting for the control process, for at most ${patience} s.`);
      told = true;
    }
    await sleep(LOOK);
  }
  const sent = `${request.kind} was sent to ${name}`;
  const failure = await whatHinders(client, catalog, productionWorkflowId(name), sent);
  if (failure !== null) throw failure;
  throw new FabricaError(
    'FABRICA_WORKER_ABSENT',
    `${sent}, but nobody has carried it out within ${patience} s.`,
    { production: name },
    {
      remedy:
        'See that `fabrica up` or `fabrica worker control` runs (`fabrica doctor`); it will be carried out then.',
    },
  );
}

/** True if the production is already as the request wants it. */
function isSo({ priority, state }: ProductionRow, { kind, value }: ProductionRequest): boolean {
  switch (kind) {
    case 'pause':
      return state === 'Stopped';
    case 'resume':
      return state === 'Active' || state === 'Scouting';
    case 'cancel':
      return state === 'Cancelling' || state === 'Cancelled';
    case 'reprioritize':
      return priority === value && LIVE_PRODUCTION_STATES.includes(state);
    case 'clean':
      return state === 'Cleaning' || state === 'Cleaned';
    case 'release':
    case 'waive':
    case 'kill':
    case 'reprocess':
    case 'rescout':
      return false;
  }
}

/** Requests that a production takes after its end as well. */
const REENTERING: readonly CommandKind[] = ['clean', 'reprocess', 'rescout'];

async function send(
  client: Client,
  row: ProductionRow,
  { kind, select = {}, value, who, why }: ProductionRequest,
): Promise<void> {
  const { name, state } = row;
  const said = { ...select, who, why };
  if (REENTERING.includes(kind)) return reenter(client, name, kind, said);
  const handle = client.workflow.getHandle(productionWorkflowId(name));
  try {
    await handle.signal(kind, value === undefined ? said : { value, ...said });
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const live = LIVE_PRODUCTION_STATES.includes(state);
    throw new FabricaError(
      'FABRICA_COMMAND_REFUSED',
      live
        ? `Production ${name} is ${state}, but its workflow does not run.`
        : `Production ${name} is ${state}: it has ended and takes no requests.`,
      { production: name },
      {
        remedy: live
          ? 'Run `fabrica recover`, then ask again.'
          : `\`fabrica show ${name}\` tells how it ended.`,
      },
    );
  }
}

/** A production that has ended is started again with the request; one that runs gets it. */
async function reenter(
  client: Client,
  name: string,
  kind: ProductionRequest['kind'],
  said: { readonly who: string; readonly why: string },
): Promise<void> {
  await client.workflow.signalWithStart<typeof production, [unknown]>('production', {
    taskQueue: CONTROL_QUEUE,
    workflowId: productionWorkflowId(name),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [{ production: name, by: said.who }],
    signal: kind,
    signalArgs: [said],
    staticSummary: `production ${name}`,
  });
}

function refused(name: string, { kind }: ProductionRequest, why: string): FabricaError {
  return new FabricaError(
    'FABRICA_COMMAND_REFUSED',
    `${kind} of ${name} is refused: ${why}.`,
    {
      production: name,
    },
    { remedy: `\`fabrica show ${name}\` tells its state and what it waits for.` },
  );
}

function answer(
  { name, priority, reason, state }: ProductionRow,
  { kind }: ProductionRequest,
  events: readonly EventLine[],
): RequestAnswer {
  const changed = events.length > 0;
  return { production: name, request: kind, state, priority, reason, changed, events };
}
