import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  startChild,
  upsertSearchAttributes,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Registration, RegisterInput } from '../activities/control/register.js';
import type { StepAnswer } from '../activities/control/next-step.js';
import type { BundleHandle } from '../domain/bundle.js';
import { clause } from '../domain/clause.js';
import type { Command, CommandAnswer } from '../domain/command.js';
import { blockWorkflowId, productionWorkflowId } from '../domain/names.js';
import { openIn } from '../domain/progress.js';
import type { ProductionState } from '../domain/states/production.js';
import { awaited, control, DAYS, endingAt, storageAt } from './activities.js';
import type { audit } from './audit.js';
import type { block } from './block.js';
import { endBundle } from './bundle-flight.js';
import { Inbox } from './inbox.js';
import { bringLists } from './input-lists.js';
import { EPOCH, labelsOf, PRODUCTION } from './labels.js';
import * as messages from './messages.js';
import { isMalformed } from './payload-converter.js';
import { openHandles } from './open-handles.js';
import { removeAllCondemned } from './removal.js';
import { inTurnsOfSites } from './turns.js';
import { withdraw } from './withdrawal.js';

/** A definition to register and run, or the name of a production that the catalog knows (re-entry). */
export interface ProductionInput {
  readonly definition?: unknown;
  readonly production?: string;
  /** Who asks; for the event log. */
  readonly by?: string;
}

export interface ProductionOutcome {
  readonly production: string;
  readonly state: ProductionState;
  readonly reason: string;
}

/**
 * A production from its definition to its end. It asks the catalog for the next step and takes it, again and again; so it can be started
 * at any time, with whatever the catalog says is left.
 */
export async function production(input: ProductionInput): Promise<ProductionOutcome> {
  // People may write and ask before the first task is done: everything is wired before anything is awaited.
  const inbox = new Inbox();
  const registered = await register(input, inbox);
  const life = new ProductionLife(registered, inbox);
  try {
    return await life.run();
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Temporal's own cancel does what the signal does, in a scope that can not be cancelled again.
    return CancellationScope.nonCancellable(async () => {
      inbox.put({ command: { kind: 'cancel', who: 'temporal', why: 'cancelled in Temporal' } });
      return life.run();
    });
  }
}

/** Checks the definition (with the storages of its payload), then registers it. An invalid one fails the workflow. */
async function register(input: ProductionInput, inbox: Inbox): Promise<Registration> {
  if (isMalformed(input) || typeof input !== 'object') {
    throw ApplicationFailure.nonRetryable(
      'The input is no JSON object; give {"definition": {...}}.',
      'FABRICA_DEFINITION_INVALID',
    );
  }
  const request: RegisterInput = {
    ...(input.definition === undefined ? {} : { definition: input.definition }),
    ...(input.production === undefined ? {} : { production: input.production }),
    workflowId: workflowInfo().workflowId,
    by: typeof input.by === 'string' ? input.by : 'temporal',
  };
  try {
    const validation = await awaited.validateDefinition(request);
    if (validation.ending !== null) await new ProductionLife(validation.ending, inbox).run();
    if (!validation.registered) {
      for (const { storage, files } of validation.sandboxes) {
        const problems = await storageAt(storage, '2 minutes').verifyFiles({ storage, files });
        if (problems[0] !== undefined) {
          throw ApplicationFailure.nonRetryable(
            `Payload files are not where the definition says: ${clause(problems[0].text)}. Submit it again with \`fabrica submit\`.`,
            'FABRICA_PAYLOAD_MISSING',
          );
        }
      }
    }
    if (!validation.registered) await bringLists(validation.lists);
    return await awaited.register(request);
  } catch (error) {
    throw readable(error);
  }
}

/** The failure of an activity as the workflow's own, so that the reason stands in its first line. */
function readable(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) {
    return error;
  }
  const { message, type, details } = error.cause;
  return ApplicationFailure.create({
    message,
    nonRetryable: true,
    ...(type === undefined || type === null ? {} : { type }),
    ...(details === undefined || details === null ? {} : { details }),
  });
}

const STATE = defineSearchAttributeKey('FabricaState', 'KEYWORD');
const PRIORITY = defineSearchAttributeKey('FabricaPriority', 'INT');
const CAMPAIGN = defineSearchAttributeKey('FabricaCampaign', 'KEYWORD');

/** The verdict on scouts waits so long for a site to end their jobs, s. */
const VERDICT_PATIENCE = 60;

/** A running production: its blocks, its commands, and what it shows. */
class ProductionLife {
  readonly #ref: { epoch: string; production: string };
  readonly #blocks = new Map<number, CancellationScope>();
  /** Bundles some of whose jobs are being ended because a person has given them up. */
  readonly #ending = new Set<number>();
  readonly #inbox: Inbox;
  #priority: number;
  #state: ProductionState | null = null;
  #changes = 0;
  /** With fewer open jobs than these the next block is planned; 0 if none is left to plan. */
  #refill = 0;

  constructor(registered: Registration, inbox: Inbox) {
    this.#ref = { epoch: registered.epoch, production: registered.production };
    this.#priority = registered.priority;
    this.#inbox = inbox;
    upsertSearchAttributes([
      { key: PRODUCTION, value: registered.production },
      { key: CAMPAIGN, value: registered.campaign },
      { key: PRIORITY, value: registered.priority },
      { key: STATE, value: registered.state },
      { key: EPOCH, value: registered.epoch },
    ]);
  }

  /** To its end. Meanwhile commands are carried out whenever they arrive, whatever step is being taken. */
  async run(): Promise<ProductionOutcome> {
    this.#inbox.serve((command) =>
      CancellationScope.nonCancellable(async () => this.#obey(command)),
    );
    // It has been held, or goes on, where its jobs are placed.
    this.#inbox.heed(({ jobs, state }) => {
      if (state !== this.#state) this.#changes++;
      if (openIn(jobs) >= this.#refill) return;
      this.#refill = 0;
      this.#changes++;
    });
    try {
      return await this.#steps();
    } finally {
      this.#inbox.serve(null);
    }
  }

  async #steps(): Promise<ProductionOutcome> {
    while (true) {
      const seen = this.#changes;
      const { handled } = this.#inbox;
      const answer = await control.nextStep({
        ...this.#ref,
        running: [...this.#blocks.keys()],
        ending: [...this.#ending],
      });
      await this.#showState(answer);
      switch (answer.step.do) {
        case 'run':
          this.#refill = answer.step.refill ?? 0;
          await this.#start(answer.step.blocks);
          break;
        case 'wait':
          this.#refill = answer.step.refill ?? 0;
          await this.#wait(seen, answer.step.until);
          break;
        case 'stop':
          await this.#stop(answer.step.block, answer.reason);
          break;
        case 'kill':
          for (const handle of answer.step.handles) this.#kill(handle);
          break;
        case 'end':
          await this.#end(answer.step.scope, answer.reason);
          break;
        case 'audit':
          await this.#endBlocks();
          await removeAllCondemned(this.#ref);
          await executeChild<typeof audit>('audit', {
            workflowId: `${productionWorkflowId(this.#ref.production)}/audit`,
            args: [this.#ref],
            staticSummary: `audit of ${this.#ref.production}`,
            typedSearchAttributes: labelsOf(this.#ref),
          });
          break;
        case 'finish': {
          await this.#endBlocks();
          const outcome = await this.#finish(answer);
          // Whoever waits for an answer gets it, and what has been asked meanwhile may lead on from here.
          await condition(() => this.#inbox.idle && allHandlersFinished());
          if (this.#inbox.handled > handled) break;
          return outcome;
        }
      }
    }
  }

  async #obey(command: Command): Promise<CommandAnswer> {
    const { reopened, withdrawFrom, ...answer } = await awaited.command({ ...this.#ref, command });
    if (answer.priority !== this.#priority) {
      this.#priority = answer.priority;
      upsertSearchAttributes([{ key: PRIORITY, value: answer.priority }]);
    }
    await this.#tellBlocks(reopened);
    this.#inbox.show(await control.progress(this.#ref));
    this.#changes++;
    if (withdrawFrom.length === 0) return answer;
    const { who, why } = command;
    const withdrawn = await withdraw({ ...this.#ref, from: withdrawFrom, who, why });
    return withdrawn === '' ? answer : { ...answer, message: `${answer.message}; ${withdrawn}` };
  }

  /** Blocks that run hear that some of their jobs wait again; the others are started by the next step. */
  async #tellBlocks(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      if (!this.#blocks.has(number)) continue;
      try {
        await getExternalWorkflowHandle(blockWorkflowId(this.#ref.production, number)).signal(
          messages.lookAgain,
        );
      } catch {
        // It has just ended: it is started again.
      }
    }
  }

  /** Ends attempts that a person has given up, and has it recorded; nobody waits for it. */
  #kill(handle: BundleHandle): void {
    this.#ending.add(handle.bundle);
    void CancellationScope.nonCancellable(async () => {
      try {
        await endingAt(handle.site).endJobs(handle);
        await control.recordKilled(handle);
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        // Its site was silent for days: asked again with the next step.
      } finally {
        this.#ending.delete(handle.bundle);
        this.#changes++;
      }
    });
  }

  async #start(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      if (this.#blocks.has(number)) continue;
      const scope = new CancellationScope();
      this.#blocks.set(number, scope);
      void scope
        .run(() => this.#runBlock(number))
        .finally(() => {
          this.#blocks.delete(number);
          this.#changes++;
        });
    }
  }

  /** One block to its end; a block that fails for good holds the production, and never takes it down. */
  async #runBlock(number: number): Promise<void> {
    try {
      const child = await startChild<typeof block>('block', {
        workflowId: blockWorkflowId(this.#ref.production, number),
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        args: [{ ...this.#ref, block: number, priority: this.#priority, refill: this.#refill }],
        staticSummary: `block ${number} of ${this.#ref.production}`,
        typedSearchAttributes: labelsOf(this.#ref),
      });
      await child.result();
    } catch (error) {
      // What a block was doing when it was stopped may have failed at the same moment.
      if (isCancellation(error) || this.#blocks.get(number)?.consideredCancelled === true) return;
      const cause = error instanceof ChildWorkflowFailure ? (error.cause ?? error) : error;
      await CancellationScope.nonCancellable(() =>
        control.blockFailed({
          ...this.#ref,
          block: number,
          reason: cause instanceof Error ? cause.message : String(cause),
        }),
      );
    }
  }

  async #wait(seen: number, until: number | null): Promise<void> {
    const changed = (): boolean => this.#changes !== seen;
    if (until === null) await condition(changed, { summary: 'blocks run' });
    else await condition(changed, Math.max(1, until - Date.now()));
  }

  /** Stops a block's workflow and ends its jobs. */
  async #stop(number: number, reason: string): Promise<void> {
    this.#blocks.get(number)?.cancel();
    await condition(() => !this.#blocks.has(number));
    const handles = await openHandles(this.#ref, number);
    await inTurnsOfSites(handles, (handle) => endBundle(handle, reason, VERDICT_PATIENCE));
  }

  /** Ends every job, removes what is condemned, and has it recorded. */
  async #end(scope: 'remnants' | 'everything', reason: string): Promise<void> {
    await this.#endBlocks();
    const handles = await openHandles(this.#ref, null);
    await inTurnsOfSites(handles, (handle) => endBundle(handle, reason, DAYS));
    let after: number | null = -1;
    while (after !== null) {
      const page: { next: number | null } = await control.condemnProduction({
        ...this.#ref,
        scope,
        after,
      });
      after = page.next;
    }
    await removeAllCondemned(this.#ref);
    await control.recordEnd(this.#ref);
  }

  async #endBlocks(): Promise<void> {
    for (const scope of this.#blocks.values()) scope.cancel();
    await condition(() => this.#blocks.size === 0);
  }

  async #showState(answer: StepAnswer): Promise<void> {
    if (answer.state === this.#state) return;
    this.#state = answer.state;
    upsertSearchAttributes([{ key: STATE, value: answer.state }]);
    this.#inbox.show(await control.progress(this.#ref));
  }

  async #finish(answer: StepAnswer): Promise<ProductionOutcome> {
    await this.#showState(answer);
    this.#inbox.show(await control.progress(this.#ref));
    return {
      production: this.#ref.production,
      state: answer.state,
      reason: answer.reason,
    };
  }
}
