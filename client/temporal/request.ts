import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { answerOf, commandCase, inThatState } from '../../activities/control/command-effect.js';
import type { Catalog } from '../../catalog/catalog.js';
import { getProduction, type ProductionRow } from '../../catalog/productions.js';
import type { CommandAnswer, PersonsCommand } from '../../domain/command.js';
import { FabricaError } from '../../domain/errors.js';
import { CONTROL_QUEUE, productionWorkflowId } from '../../domain/names.js';
import { LIVE_PRODUCTION_STATES } from '../../domain/states/production.js';
import { commandAllowed } from '../../policy/command-rules.js';
import type { production } from '../../workflows/production.js';
import { errorOfFailure } from './failures.js';
import { whatHinders } from './pending-failure.js';

/** What a person asks of a production. */
export interface ProductionRequest {
  readonly kind: PersonsCommand;
  readonly who: string;
  readonly why: string;
  /** `reprioritize`: the priority; `comment`: the text. */
  readonly value?: number | string;
  /** The part of the jobs that is meant, or what is extended or amended, as a signal takes it. */
  readonly select?: Readonly<Record<string, unknown>>;
}

/** ms after which a person is told that the answer takes time. */
const SILENT = 1000;

/**
 * Sends a request to a production as an update, and answers what came of it; one that has ended and takes the request is started with it, and is
 * asked nothing if it is as the request wants it. `tell` is called once if that takes more than a second. Throws
 * `FABRICA_COMMAND_REFUSED` or `FABRICA_COMMAND_INVALID` with the reason and what helps. If nobody has answered after `patience` s (default: 20), the request is left as a signal
 * that is obeyed once somebody can, and the error is what keeps the control process from it, such as `FABRICA_CATALOG_LOCKED`, or
 * `FABRICA_WORKER_ABSENT`.
 */
export async function requestOf(
  name: string,
  request: ProductionRequest,
  deps: {
    client: Client;
    catalog: Catalog;
    tell: (message: string) => void;
    patience?: number;
  },
): Promise<CommandAnswer> {
  const { catalog, client, patience = 20, tell } = deps;
  const row = await catalog.read((db) => getProduction(db, name));
  const before = alreadySo(row, request);
  if (before !== null) return before;
  const answered = new AbortController();
  const { signal } = answered;
  const told = sleep(SILENT, undefined, { signal }).then(
    () =>
      tell(`${request.kind} is sent; waiting for the control process, for at most ${patience} s.`),
    () => undefined,
  );
  const id = randomUUID();
  try {
    return await client.withDeadline(Date.now() + 1000 * patience, () =>
      update(client, row, request, id),
    );
  } catch (error) {
    if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) {
      throw understood(error, row, request);
    }
  } finally {
    answered.abort();
    await told;
  }
  // An update that nobody has taken is forgotten with its sender; by its id it is not obeyed twice.
  await signalOf(client, row, request, id);
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

/** The answer of a production that has ended and is as the request wants it; null for all others. */
function alreadySo(row: ProductionRow, { kind }: ProductionRequest): CommandAnswer | null {
  if (!hasEnded(row) || commandAllowed(kind, commandCase(row)).allowed !== 'already') return null;
  return answerOf(row, kind, inThatState(row), row.state);
}

/** Nothing of it runs: its workflow has ended. */
function hasEnded({ state }: ProductionRow): boolean {
  return !LIVE_PRODUCTION_STATES.includes(state);
}

/** Requests with which any production is started, should it have ended meanwhile. */
const REENTERING: readonly PersonsCommand[] = [
  ...(['clean', 'reprocess', 'rescout', 'extend', 'comment'] as const),
];

/** Whether the request starts the workflow where it does not run: also what an ended production takes. */
function startsIt(row: ProductionRow, kind: PersonsCommand): boolean {
  if (REENTERING.includes(kind)) return true;
  return hasEnded(row) && commandAllowed(kind, commandCase(row)).allowed === 'yes';
}

/** The argument of the signal or the update. */
function argumentOf({ select = {}, value, who, why }: ProductionRequest): Record<string, unknown> {
  return { ...(value === undefined ? {} : { value }), ...select, who, why };
}

function update(
  client: Client,
  row: ProductionRow,
  request: ProductionRequest,
  updateId: string,
): Promise<CommandAnswer> {
  const { name } = row;
  const { kind } = request;
  const args: [unknown] = [argumentOf(request)];
  if (!startsIt(row, kind)) {
    const handle = client.workflow.getHandle(productionWorkflowId(name));
    return handle.executeUpdate<CommandAnswer, [unknown]>(kind, { updateId, args });
  }
  const startWorkflowOperation = new WithStartWorkflowOperation<typeof production>('production', {
    ...startOptions(name, request),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
  });
  return client.workflow.executeUpdateWithStart<typeof production, CommandAnswer, [unknown]>(kind, {
    ...{ updateId, args, startWorkflowOperation },
  });
}

async function signalOf(
  client: Client,
  row: ProductionRow,
  request: ProductionRequest,
  id: string,
): Promise<void> {
  const argument = { ...argumentOf(request), id };
  const { kind } = request;
  try {
    if (startsIt(row, kind)) {
      await client.workflow.signalWithStart<typeof production, [unknown]>('production', {
        ...startOptions(row.name, request),
        ...{ signal: kind, signalArgs: [argument] },
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      });
    } else {
      await client.workflow.getHandle(productionWorkflowId(row.name)).signal(kind, argument);
    }
  } catch (error) {
    throw understood(error, row, request);
  }
}

function startOptions(name: string, { who }: ProductionRequest) {
  return {
    taskQueue: CONTROL_QUEUE,
    workflowId: productionWorkflowId(name),
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [{ production: name, by: who }] as Parameters<typeof production>,
    staticSummary: `production ${name}`,
  };
}

function understood(error: unknown, row: ProductionRow, { kind }: ProductionRequest): unknown {
  const { name, state } = row;
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    const { code, message, remedy } = errorOfFailure(error.cause, error);
    const what = `${kind} of ${name} is refused: ${message}`;
    return new FabricaError(code, what, { production: name }, { remedy });
  }
  if (!(error instanceof WorkflowNotFoundError)) return error;
  const live = !hasEnded(row);
  const verdict = commandAllowed(kind, commandCase(row));
  return new FabricaError(
    'FABRICA_COMMAND_REFUSED',
    live
      ? `Production ${name} is ${state}, but its workflow does not run.`
      : `Production ${name} is ${state}: it has ended and takes no ${kind}.`,
    { production: name },
    {
      remedy: live
        ? 'Run `fabrica recover`, then ask again.'
        : verdict.allowed === 'no'
          ? verdict.remedy
          : `\`fabrica show ${name}\` tells how it ended.`,
    },
  );
}
