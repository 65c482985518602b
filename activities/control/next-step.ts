import {
  blocksOf,
  changeBlockState,
  countsOf,
  recountBlock,
  type BlockRow,
} from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { moveJobs } from '../../catalog/jobs.js';
import {
  changeProductionState,
  revisionOf,
  saveEstimate,
  setFinish,
  type ProductionRow,
} from '../../catalog/productions.js';
import { allSites, effectiveState } from '../../catalog/resources.js';
import { scoutOutcomes, scoutSamples } from '../../catalog/scouts.js';
import type { BundleHandle } from '../../domain/bundle.js';
import type { Definition } from '../../domain/definition.js';
import { openIn } from '../../domain/progress.js';
import { BLOCK_TRANSITIONS, type BlockState } from '../../domain/states/block.js';
import type { ProductionState } from '../../domain/states/production.js';
import { mayBecome } from '../../domain/transition.js';
import { estimate } from '../../policy/estimate.js';
import { FILES_AT_ONCE } from '../../policy/input-grouping.js';
import { judgeScouts } from '../../policy/scouting.js';
import { nextBlockPlan, scoutPlan } from './block-plans.js';
import { productionFor, type ControlContext, type ProductionRef } from './context.js';
import { estimateOf, estimateRules, workOf } from './estimates.js';
import { tellParkedElsewhere } from './held-reason.js';
import { killedHandles } from './killing.js';
import { plantBlock } from './planting.js';

/** What a production's workflow shall do next. Every answer holds from any starting point: it is read from the catalog. */
export type ProductionStep =
  /** Start the workflows of these blocks. */
  | { readonly do: 'run'; readonly blocks: readonly number[]; readonly refill?: number }
  /**
   * Nothing to start; ask again when a block has ended, a message has come, at `until` (ms), or when fewer jobs than `refill` are open: then the next
   * block is planned.
   */
  | { readonly do: 'wait'; readonly until: number | null; readonly refill?: number }
  /** Stop the workflow of this block, end its jobs, and ask again: the scouts' deadline has passed. */
  | { readonly do: 'stop'; readonly block: number }
  /** End these attempts, which a person has given up, meanwhile ask again. */
  | { readonly do: 'kill'; readonly handles: readonly BundleHandle[] }
  /** End every job, remove what `scope` says, and say that it is done. */
  | { readonly do: 'end'; readonly scope: 'remnants' | 'everything' }
  /** Compare the catalog with the storages. */
  | { readonly do: 'audit' }
  | { readonly do: 'finish' };

export interface StepAnswer {
  readonly step: ProductionStep;
  readonly state: ProductionState;
  readonly reason: string;
}

/** Where single jobs may be given up; elsewhere all of them are ended. */
const RUNNING: readonly ProductionState[] = ['Active', 'Held', 'Stopped'];

/** Blocks that have ended, or wait for a person. */
const GOES_NO_FURTHER: readonly BlockState[] = ['Finished', 'Held', 'Discarded'];

/** Blocks are kept going until they have jobs for so many times the usable slots. */
const WINDOW = 3;
const MOST_BLOCKS = 100;

/** The next step of a production; plans blocks and judges scouts on the way. */
export function stepping(context: ControlContext) {
  const { catalog, clock } = context;

  async function nextStep(
    input: ProductionRef & { running: readonly number[]; ending: readonly number[] },
  ): Promise<StepAnswer> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const handles = await killedHandles(db, catalog.epoch, production, input.ending);
      const step: ProductionStep =
        handles.length > 0 && RUNNING.includes(production.state)
          ? { do: 'kill', handles }
          : await stepOf(db, production, input.running);
      return { step, state: production.state, reason: production.reason };
    });
  }

  async function stepOf(
    db: Db,
    production: ProductionRow,
    running: readonly number[],
  ): Promise<ProductionStep> {
    switch (production.state) {
      case 'New':
        return begin(db, production, running);
      case 'Scouting':
        return scout(db, production, running);
      case 'Active':
        return run(db, production, running);
      case 'Held':
        if (production.held_for === 'sites') return waitForSites(db, production, running);
        return { do: 'wait', until: null };
      case 'AwaitingApproval':
      case 'Stopped':
        return { do: 'wait', until: null };
      case 'Completing':
        return { do: 'audit' };
      case 'Rejected': {
        const left = (await blocksOf(db, production.id)).some((b) => b.state !== 'Discarded');
        return left ? { do: 'end', scope: 'everything' } : { do: 'finish' };
      }
      case 'Cancelling':
        return { do: 'end', scope: 'remnants' };
      case 'Cleaning':
        return { do: 'end', scope: 'everything' };
      case 'Completed':
      case 'Cancelled':
      case 'Cleaned':
      case 'Archived':
        return { do: 'finish' };
    }
  }

  async function begin(
    db: Db,
    production: ProductionRow,
    running: readonly number[],
  ): Promise<ProductionStep> {
    const { definition } = await revisionOf(db, production);
    if (definition.scouts.jobs > 0) {
      await change(db, production, 'Scouting', 'the scouts go first');
      return scout(db, production, running);
    }
    return runWithoutScouts(db, production, definition, running);
  }

  async function runWithoutScouts(
    db: Db,
    production: ProductionRow,
    definition: Definition,
    running: readonly number[],
  ): Promise<ProductionStep> {
    const work = await workOf(db, production, definition);
    await saveEstimate(db, production, estimate([], estimateRules(definition, work)));
    await change(db, production, 'Active', 'the definition asks for no scouts');
    return run(db, production, running);
  }

  async function scout(
    db: Db,
    production: ProductionRow,
    running: readonly number[],
  ): Promise<ProductionStep> {
    const { definition } = await revisionOf(db, production);
    let block = (await blocksOf(db, production.id)).find((one) => one.state !== 'Discarded');
    if (block === undefined) {
      // A new revision of a rejected production comes here, whether it wants scouts or not.
      if (definition.scouts.jobs === 0) {
        return runWithoutScouts(db, production, definition, running);
      }
      const plan = await scoutPlan(db, production, definition);
      const planned =
        plan === null
          ? null
          : await plantBlock(db, production, { plan, kind: 'scout', now: clock.now() });
      if (planned === null) return { do: 'wait', until: clock.now() + NO_HOME_WAIT };
      block = planned;
    }
    const deadline = block.created_at + definition.scouts.deadline * 1000;
    const late = clock.now() >= deadline;
    const counts = countsOf(block).jobs;
    const open = (counts.Waiting ?? 0) + (counts.Submitted ?? 0) + (counts.Running ?? 0);
    if (open > 0 && !late) {
      return running.includes(block.number)
        ? { do: 'wait', until: deadline }
        : { do: 'run', blocks: [block.number] };
    }
    if (running.includes(block.number) && late && open > 0)
      return { do: 'stop', block: block.number };
    // Late, it only has to tidy up, and its end is told.
    if (running.includes(block.number)) return { do: 'wait', until: late ? null : deadline };
    await judge(db, production, block, definition, late);
    return stepOf(db, production, running);
  }

  /** The verdict; writes what the scouts measured back into the production. */
  async function judge(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    definition: Definition,
    late: boolean,
  ): Promise<void> {
    const key = { production: production.id, block: block.number };
    const outcomes = await scoutOutcomes(db, key);
    const verdict = judgeScouts(outcomes, definition.scouts.minimumSuccess, late);
    if (!verdict.passed) {
      await change(db, production, 'Rejected', verdict.sentence, verdict);
      return;
    }
    const work = await workOf(db, production, definition);
    const measured = estimate(await scoutSamples(db, key), estimateRules(definition, work));
    await saveEstimate(db, production, measured);
    // Scouts that failed have still events to make: they get fresh attempts, as ordinary jobs of block 0.
    await moveJobs(db, key, 'events', 'Parked', 'Waiting');
    await recountBlock(db, key);
    await change(
      db,
      production,
      definition.scouts.approval ? 'AwaitingApproval' : 'Active',
      verdict.sentence,
      { verdict, estimate: measured },
    );
  }

  /**
   * No site takes its jobs. It goes on when `place` finds one that does, and only workflows of blocks ask for that: after a loss of
   * Temporal's state they are to be started though it is held.
   */
  async function waitForSites(
    db: Db,
    production: ProductionRow,
    running: readonly number[],
  ): Promise<ProductionStep> {
    const scouting = production.resume_state === 'Scouting';
    const toRun = (await blocksOf(db, production.id))
      .filter((one) => !GOES_NO_FURTHER.includes(one.state) && !running.includes(one.number))
      // One whose scouts have all ended would end at once, again and again.
      .filter((one) => !scouting || openJobs(one) > 0)
      .map((one) => one.number);
    return toRun.length === 0 ? { do: 'wait', until: null } : { do: 'run', blocks: toRun };
  }

  async function run(
    db: Db,
    production: ProductionRow,
    running: readonly number[],
  ): Promise<ProductionStep> {
    const blocks = (await blocksOf(db, production.id)).filter((one) => one.state !== 'Discarded');
    const unfinished = blocks.filter((one) => one.state !== 'Finished');
    const held = unfinished.find((one) => one.state === 'Held');
    if (held !== undefined) {
      // It was held while the production was paused, and still waits for a person.
      await change(db, production, 'Held', held.reason);
      await tellParkedElsewhere(db, production, clock.now());
      return { do: 'wait', until: null };
    }
    const toRun = unfinished
      .filter((one) => !running.includes(one.number))
      .map((one) => one.number);
    const slots = await usableSlots(db);
    const measured = estimateOf(production);
    const { definition } = await revisionOf(db, production);
    let jobs = unfinished.reduce((sum, one) => sum + openJobs(one), 0);
    let planned = blocks.reduce((sum, one) => sum + one.events, 0);
    let files = 0;
    const refill = WINDOW * slots;
    const more = (): boolean =>
      jobs < refill && unfinished.length < MOST_BLOCKS && files < FILES_AT_ONCE;
    while (production.finish === null && more()) {
      const plan = await nextBlockPlan(db, production, definition, { blocks, estimate: measured });
      if (plan === null) break;
      const block = await plantBlock(db, production, {
        plan,
        kind: 'fabrication',
        now: clock.now(),
      });
      if (block === null) return { do: 'wait', until: clock.now() + NO_HOME_WAIT };
      blocks.push(block);
      unfinished.push(block);
      toRun.push(block.number);
      jobs += block.jobs;
      planned += block.events;
      files += plan.jobFiles?.reduce((sum, one) => sum + one.length, 0) ?? 0;
    }
    const allPlanned = production.finish !== null || planned >= production.events;
    const then = allPlanned ? {} : { refill };
    if (toRun.length > 0) return { do: 'run', blocks: toRun, ...then };
    if (allPlanned && unfinished.length === 0 && running.length === 0) {
      // What is made again from now on is not given up.
      if (production.finish !== null) await setFinish(db, production, 'closed');
      await change(db, production, 'Completing', 'all blocks are finished');
      return { do: 'audit' };
    }
    return { do: 'wait', until: null, ...then };
  }

  async function usableSlots(db: Db): Promise<number> {
    const now = clock.now();
    return (await allSites(db))
      .filter((site) => effectiveState(site, now) !== 'Banned')
      .reduce((sum, site) => sum + site.slots, 1);
  }

  async function change(
    db: Db,
    production: ProductionRow,
    to: ProductionState,
    why: string,
    data?: unknown,
  ): Promise<void> {
    await changeProductionState(db, production, {
      to,
      why,
      who: 'fabrica',
      now: clock.now(),
      data,
    });
  }

  /** The workflow of a block has failed for good: the production is held with the reason; `release` starts the block again. */
  async function blockFailed(
    input: ProductionRef & { block: number; reason: string },
  ): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const block = (await blocksOf(db, production.id)).find((one) => one.number === input.block);
      const why = `block ${input.block} failed: ${input.reason}`;
      // A block that only has to clear up is not held: it is started again with the production.
      if (block !== undefined && mayBecome(BLOCK_TRANSITIONS, block.state, 'Held')) {
        await changeBlockState(db, block, { to: 'Held', why, now: clock.now() });
      }
      if (production.state === 'Active' || production.state === 'Scouting') {
        await change(db, production, 'Held', why);
      }
    });
  }

  return { nextStep, blockFailed };
}

/** How long to wait before looking for a home storage again, ms. */
const NO_HOME_WAIT = 30_000;

const openJobs = (block: BlockRow): number => openIn(countsOf(block).jobs);
