import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { CopiesMade, CopyBatch } from '../activities/control/distribution.js';
import type { VerificationPage } from '../activities/control/verification.js';
import type { StorageProblem } from '../activities/storage/index.js';
import type { BundleOrder } from '../domain/bundle.js';
import { productionWorkflowId } from '../domain/names.js';
import { openIn, type ProductionProgress } from '../domain/progress.js';
import type { ProductionState } from '../domain/states/production.js';
import { control, storageAt } from './activities.js';
import { detailsOf } from './details.js';
import { Flights, type Occasion } from './flights.js';
import { Gathering } from './gathering.js';
import { makeAgain } from './make-again.js';
import { blockProgress, lookAgain } from './messages.js';
import { removeCondemned } from './removal.js';

export interface BlockInput {
  readonly epoch: string;
  readonly production: string;
  readonly block: number;
  readonly priority: number;
  /** With fewer open jobs than these the production plans its next block; 0 if none is left to plan. */
  readonly refill?: number;
}

export interface BlockOutcome {
  /** `scouted`: its jobs have ended and a verdict is due. `held`: a person must decide. */
  readonly outcome: 'finished' | 'scouted' | 'held';
  readonly reason: string;
}

/** Rounds in which outputs were lost: verification that always finds something new wrong would go round for ever. */
const MOST_ROUNDS = 10;

/**
 * One block: fabricate, validate, merge, validate the merged, distribute, verify, remove the unmerged. Each stage does what the
 * catalog says is left of it, so that a block can be started again at any time.
 */
export async function block(input: BlockInput): Promise<BlockOutcome> {
  const life = new BlockLife(input);
  setHandler(lookAgain, () => life.wake());
  let lost = 0;
  for (let reopened = 0; lost < MOST_ROUNDS && reopened < MOST_REOPENINGS;) {
    try {
      const outcome = await life.stages();
      if (outcome !== 'lost outputs') return outcome;
      await control.reopenBlock(life.ref);
      lost++;
    } catch (error) {
      // Jobs of an earlier stage run again: it goes through its stages anew.
      if (!isReopened(error)) throw error;
      reopened++;
    }
  }
  throw ApplicationFailure.nonRetryable(
    lost < MOST_ROUNDS
      ? `block ${input.block} was reprocessed ${MOST_REOPENINGS} times in one run`
      : `block ${input.block} lost outputs in each of ${MOST_ROUNDS} rounds; look at its storages`,
    'FABRICA_STORAGE_CHECKSUM',
  );
}

function liveBlocks({ blocks }: ProductionProgress): number {
  const { Discarded = 0, Finished = 0, Planned = 0 } = blocks;
  const all = Object.values(blocks).reduce((sum, one) => sum + one, 0);
  return all - Discarded - Finished - Planned;
}

/** Requests of people in one run; its history is not endless. */
const MOST_REOPENINGS = 100;

function isReopened(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'FABRICA_BLOCK_REOPENED'
  );
}

/** Times that a run tells its production that none of its jobs runs: where it gets one slot at a time that would be after each job. */
const MOST_IDLES = 20;

const FINISHED: BlockOutcome = { outcome: 'finished', reason: '' };

/** The stages of a block and what they share. */
class BlockLife {
  readonly ref: { epoch: string; production: string; block: number };
  readonly #priority: number;
  readonly #refill: number;
  #tickets = 0;
  #toldShare = -1;
  /** Of the production, when it was told last. */
  #toldState: ProductionState | null = null;
  #idles = 0;
  /** Fewer jobs were open than the production keeps, when it was told last. */
  #low = false;
  #wakes = 0;

  constructor(input: BlockInput) {
    this.ref = { epoch: input.epoch, production: input.production, block: input.block };
    this.#priority = input.priority;
    this.#refill = input.refill ?? 0;
  }

  /** Jobs wait that did not before. */
  wake(): void {
    this.#wakes++;
  }

  /** Takes the block through all stages, from where the catalog says it is; outputs that were lost on the way send it back. */
  async stages(): Promise<BlockOutcome | 'lost outputs'> {
    const opened = await control.openBlock(this.ref);
    if (opened.state === 'Finished' || opened.state === 'Discarded') return FINISHED;
    if (opened.state === 'Clearing') {
      await this.tidyUp(opened.bundles);
      return this.clear();
    }
    // What an earlier life of this block has left at sites is flown once, in the stage it belongs to.
    const events = opened.bundles.filter((bundle) => bundle.kind !== 'merge');
    const merges = opened.bundles.filter((bundle) => bundle.kind === 'merge');
    await this.runJobs('events', events);
    if (opened.scouting) return { outcome: 'scouted', reason: '' };
    const made = await control.closeStage({ ...this.ref, stage: 'events' });
    if (made.held) return { outcome: 'held', reason: made.reason };
    if ((await this.verify('events')) > 0) return 'lost outputs';
    await control.planMergeJobs(this.ref);
    if ((await this.runJobs('merge', merges)) > 0) return 'lost outputs';
    const merged = await control.closeStage({ ...this.ref, stage: 'merge' });
    if (merged.held) return { outcome: 'held', reason: merged.reason };
    if ((await this.verify('merge')) > 0) return 'lost outputs';
    const distributed = await this.distribute();
    if (distributed === 'lost outputs') return distributed;
    if (distributed.held) return { outcome: 'held', reason: distributed.reason };
    return this.clear();
  }

  /**
   * Runs the jobs of a stage until each is done or parked: places them, flies their bundles, and places again what comes back. When
   * merges can not read their inputs, the outputs are verified; returns how many jobs must make theirs again. What other jobs can not read
   * is verified before they are placed again.
   */
  async runJobs(stage: 'events' | 'merge', inherited: readonly BundleOrder[]): Promise<number> {
    let reprocessed = 0;
    const flights = this.#flights();
    for (const order of inherited) flights.launch(order);
    while (true) {
      flights.requeued = 0;
      if (flights.isFull()) await this.goOnAnew();
      if (stage === 'events' && flights.badInputs) {
        flights.badInputs = false;
        await this.verifyInputs();
      }
      const wakes = this.#wakes;
      await condition(() => flights.hasRoom() || flights.failed());
      const ticket = `${workflowInfo().runId}:${this.#tickets++}`;
      const { bundles, waiting } = await control.place({ ...this.ref, stage, ticket });
      for (const order of bundles) flights.launch(order);
      if (stage === 'merge' && flights.badInputs) {
        flights.badInputs = false;
        reprocessed += await this.verify('events');
      }
      if (waiting > 0 && flights.failure === null) continue;
      const due = (): boolean => flights.news() || this.#wakes > wakes || flights.isFull();
      await condition(() => due() || flights.flying === 0, { summary: 'jobs run' });
      if (flights.failed()) await flights.landed();
      if (flights.flying === 0 && !due()) break;
    }
    if (flights.remnants) await removeCondemned(this.ref, this.ref.block, '2 minutes');
    return reprocessed;
  }

  /** Ends what bundles have left undone, when no stage of the block is left that would. */
  async tidyUp(bundles: readonly BundleOrder[]): Promise<void> {
    const flights = this.#flights();
    for (const order of bundles) flights.launch(order);
    await flights.landed();
  }

  /**
   * Goes on in another run, before its history becomes long: what is at sites is flown again from where the catalog says it is. Nothing is lost
   * by what goes on meanwhile: it is recorded, or done once more.
   */
  async goOnAnew(): Promise<never> {
    return continueAsNew<typeof block>({
      ...this.ref,
      priority: this.#priority,
      refill: this.#refill,
    });
  }

  #flights(): Flights {
    return new Flights({ ...this.ref, priority: this.#priority }, (progress, occasion) => {
      void this.tell(progress, occasion);
    });
  }

  /** Has the storages verify the files of a stage; returns how many jobs must run again. */
  async verify(stage: 'events' | 'merge'): Promise<number> {
    let reprocessed = 0;
    let after: number | null = 0;
    while (after !== null) {
      const page: VerificationPage = await control.filesToVerify({ ...this.ref, stage, after });
      const found = await Promise.all(
        page.batches.map(async (batch) => ({
          storage: batch.storage,
          problems: await storageAt(batch.storage, '1 hour').verifyPage(batch),
        })),
      );
      for (const { storage, problems } of found) {
        if (problems.length === 0) continue;
        const answer = await control.recordProblems({ ...this.ref, storage, problems });
        reprocessed += answer.reprocessed;
      }
      after = page.next;
    }
    return reprocessed;
  }

  /** Has the storages verify what jobs could not read; productions whose copies are bad mend them. */
  async verifyInputs(): Promise<void> {
    const why = `jobs of ${this.ref.production} could not read them`;
    let after: number | null = 0;
    while (after !== null) {
      const page: VerificationPage = await control.inputsToVerify({ ...this.ref, after });
      for (const batch of page.batches) {
        const { storage } = batch;
        const problems = await this.#problemsAt(batch);
        if (problems.length === 0) continue;
        const found = await control.recordBadInputs({ ...this.ref, storage, problems });
        for (const { owner, replicas } of found.repairs) {
          await makeAgain(owner, replicas, why, () =>
            control.repairInputs({ ...this.ref, owner, replicas, why }),
          );
        }
      }
      after = page.next;
    }
  }

  /** A storage that does not answer holds nothing up: the jobs are tried again anyway. */
  async #problemsAt(batch: VerificationPage['batches'][number]): Promise<StorageProblem[]> {
    try {
      return await storageAt(batch.storage, '10 minutes').verifyPage(batch);
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      return [];
    }
  }

  /** Copies final files until each has its copies, or no storage can be found for one. A copy that fails may have lost its source. */
  async distribute(): Promise<{ held: boolean; reason: string } | 'lost outputs'> {
    await control.advanceBlock({ ...this.ref, to: 'Distributing' });
    // Bad copies of an earlier round have the names of the new ones.
    await removeCondemned(this.ref, this.ref.block, '2 minutes');
    await this.#measureSpace();
    while (true) {
      const plan = await control.planTransfers(this.ref);
      if (plan.held || plan.batches.length === 0) return plan;
      let copying = plan.batches.length;
      const made = new Gathering<CopiesMade, { failed: number }>(
        (copies) => control.recordCopies({ ...this.ref, copies }),
        (waiting) => waiting === copying,
      );
      const recorded = await Promise.all(
        plan.batches.map(async (batch) => {
          const { failed } = await made.add(await this.#copy(batch));
          copying--;
          return failed;
        }),
      );
      if (recorded.every((failed) => failed === 0)) continue;
      if ((await this.verify('merge')) > 0) return 'lost outputs';
    }
  }

  /** Asks the storages how much room they have; one that does not answer keeps its last figure. */
  async #measureSpace(): Promise<void> {
    const storages = await control.storagesToMeasure();
    await Promise.all(
      storages.map(async (storage) => {
        try {
          const space = await storageAt(storage, '15 seconds').measureSpace({ storage });
          await control.recordSpace(space);
        } catch (error) {
          if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
        }
      }),
    );
  }

  /** Removes what a distributed block leaves behind; what an unreachable storage holds becomes a debt. */
  async clear(): Promise<BlockOutcome> {
    await control.condemnLeftovers(this.ref);
    await removeCondemned(this.ref, this.ref.block);
    await control.finishBlock(this.ref);
    await this.tell(await control.progress(this.ref), 'end');
    return FINISHED;
  }

  async #copy({ storage, files }: CopyBatch): Promise<CopiesMade> {
    try {
      return { storage, results: await storageAt(storage, '1 hour').copyFiles({ storage, files }) };
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      const failure = error.cause?.message ?? error.message;
      return { storage, results: files.map(({ transfer }) => ({ transfer, failure })) };
    }
  }

  /**
   * Shows the progress here, and sends it to the production: at the end, when a twentieth more of the production is done, when it has been held or
   * goes on, when so few jobs are open that the next block is to be planned, and when no job runs. Of many blocks that go on at once, each time others
   * tell, two or so: each signal costs the production a workflow task.
   */
  async tell(progress: ProductionProgress, occasion: Occasion): Promise<void> {
    setCurrentDetails(detailsOf(progress));
    const { made, merged, distributed, asked } = progress.events;
    const share = Math.floor((20 * (made + merged + distributed)) / (3 * asked));
    // It has been held, or goes on, without having been told.
    const moved = progress.state !== (this.#toldState ?? progress.state);
    const low = openIn(progress.jobs) < this.#refill;
    const lowNow = low && !this.#low && this.#isNextToPlan(progress);
    this.#low = low;
    if (share === this.#toldShare && occasion === 'some' && !moved && !lowNow) return;
    this.#toldShare = share;
    this.#toldState = progress.state;
    const turns = Math.max(1, Math.ceil(liveBlocks(progress) / 2));
    const others = (this.ref.block + share) % turns !== 0;
    if (occasion !== 'end' && !moved && !lowNow && others) return;
    if (occasion === 'idle' && this.#idles++ >= MOST_IDLES) return;
    try {
      await getExternalWorkflowHandle(productionWorkflowId(this.ref.production)).signal(
        blockProgress,
        progress,
      );
    } catch {
      // The production may just have ended; its own record is in the catalog.
    }
  }

  /** One of the blocks that go on at once tells that another is to be planned, each time another one. */
  #isNextToPlan(progress: ProductionProgress): boolean {
    const planned = Object.values(progress.blocks).reduce((sum, one) => sum + one, 0);
    return (this.ref.block + planned) % Math.max(1, liveBlocks(progress)) === 0;
  }
}
