import {
  changeBlockState,
  countsOf,
  getBlock,
  recountBlock,
  type BlockRow,
} from '../../catalog/blocks.js';
import { counted } from '../../domain/counted.js';
import type { Db } from '../../catalog/catalog.js';
import { blockFiles, blockReplicas, condemnReplicas, replicasOf } from '../../catalog/files.js';
import { insertInputs, mergeInputs } from '../../catalog/job-inputs.js';
import { insertJobs, moveJobs, nextJobNumbers, type JobStage } from '../../catalog/jobs.js';
import { recordEvent } from '../../catalog/events.js';
import {
  changeProductionState,
  revisionOf,
  type ProductionRow,
} from '../../catalog/productions.js';
import { lineageOf } from '../../catalog/reprocess.js';
import type { Definition } from '../../domain/definition.js';
import type { BlockState } from '../../domain/states/block.js';
import type { StorageProblem } from '../storage/index.js';
import { planMerges } from '../../policy/merge-plan.js';
import { planReprocessing } from '../../policy/reprocessing.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { tellParkedElsewhere } from './held-reason.js';
import { reopened, stillIn } from './reopened.js';
import { repeatInBlock } from './reprocess.js';
import { judgeStage } from './stage-verdict.js';
import { VERIFIED_AT_ONCE, verificationPage, type VerificationPage } from './verification.js';

/** The order of a block's stages is in its workflow; what each stage finds and leaves is here. */
export function staging(context: ControlContext) {
  const { catalog, clock } = context;

  /**
   * Every job of a stage has ended: gives up parked ones within the tolerance, or holds the production. Afterwards the block is in
   * the next stage, or held.
   */
  async function closeStage(
    input: BlockRef & { stage: JobStage },
  ): Promise<{ held: boolean; reason: string }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const block = await getBlock(db, key);
      const counts = await recountBlock(db, key);
      const open = input.stage === 'events' ? counts.jobs : counts.merges;
      if ((open.Waiting ?? 0) + (open.Submitted ?? 0) + (open.Running ?? 0) > 0) {
        throw reopened(block);
      }
      if (input.stage === 'merge') stillIn(block, 'Merging', 'Distributing', 'Held');
      const { definition } = await revisionOf(db, production);
      const verdict = await judgeStage(db, production, definition, { counts, stage: input.stage });
      if (verdict.action === 'hold') {
        const why = `block ${block.number}: ${verdict.why}`;
        await hold(db, production, block, why);
        return { held: true, reason: why };
      }
      if (verdict.action === 'waive') {
        const waived = await moveJobs(db, key, 'events', 'Parked', 'Waived');
        await recountBlock(db, key);
        await recordEvent(db, {
          at: clock.now(),
          who: 'fabrica',
          production: production.id,
          block: block.number,
          what: `${counted(waived.length, 'job')} waived`,
          why:
            production.finish === 'draining'
              ? 'the production is being finished'
              : 'within the tolerance of the definition',
          data: { jobs: waived },
        });
      }
      await advance(db, block, input.stage === 'events' ? 'Validating' : 'Distributing');
      return { held: false, reason: '' };
    });
  }

  /** A page of files to be verified where they lie, by storage. `next` is null after the last page. */
  async function filesToVerify(
    input: BlockRef & { stage: JobStage; after: number },
  ): Promise<VerificationPage> {
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const replicas = await blockReplicas(
        db,
        { production: production.id, block: input.block },
        input.stage === 'events' ? 'output' : 'merged',
        { after: input.after, limit: VERIFIED_AT_ONCE },
      );
      return verificationPage(replicas);
    });
  }

  /**
   * Records what a verification found wrong: bad replicas go, and a job whose output has no good replica left runs again, with
   * the same seed. Returns how many jobs do, also when it is told the same again.
   */
  async function recordProblems(
    input: BlockRef & { storage: string; problems: readonly StorageProblem[] },
  ): Promise<{ reprocessed: number }> {
    if (input.problems.length === 0) return { reprocessed: 0 };
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const named = await db
        .selectFrom('replicas')
        .innerJoin('files', 'files.id', 'replicas.file_id')
        .select([
          'files.id as file',
          'files.job',
          'files.kind',
          'replicas.storage',
          'replicas.state',
        ])
        .where('files.production_id', '=', production.id)
        .where('replicas.storage', '=', input.storage)
        .where(
          'replicas.path',
          'in',
          input.problems.map((problem) => problem.path),
        )
        .execute();
      const bad = named.filter((one) => one.state === 'Available');
      if (bad.length === 0) {
        return { reprocessed: await waitingOf(db, production.id, input.block, named) };
      }
      const key = { production: production.id, block: input.block };
      await condemnReplicas(db, bad);
      const lost = await withoutCopies(db, bad);
      const { outputs, merges } = await lineageOf(db, key);
      const plan = planReprocessing(
        { merges, outputs: outputs.map((one) => ({ ...one, here: one.copies > 0 })) },
        {
          jobs: lost.flatMap(({ job, kind }) => (kind === 'output' ? (job ?? []) : [])),
          merges: lost.flatMap(({ job, kind }) => (kind === 'merged' ? (job ?? []) : [])),
        },
      );
      const moment = { epoch: catalog.epoch, now: clock.now() };
      await repeatInBlock(db, await getBlock(db, key), plan, moment);
      await recountBlock(db, key);
      const reprocessed = [...plan.again.map(({ job }) => job), ...plan.repeated];
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        production: production.id,
        block: input.block,
        what: `${bad.length} bad replicas on ${input.storage}`,
        why: input.problems[0]?.text ?? '',
        data: { problems: input.problems.slice(0, 20), reprocessed },
      });
      return { reprocessed: await waitingOf(db, production.id, input.block, named) };
    });
  }

  /** Groups the outputs of a block into merge jobs; what is planned already stays. Afterwards the block is `Merging`. */
  async function planMergeJobs(input: BlockRef): Promise<{ jobs: number }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const block = await getBlock(db, key);
      stillIn(block, 'Validating', 'Merging', 'Distributing');
      const { definition } = await revisionOf(db, production);
      if (definition.merge === undefined) {
        await advance(db, block, 'Distributing');
        return { jobs: 0 };
      }
      const planned = await unmergedFiles(db, production.id, block.number);
      let jobs = 0;
      const levels = [...new Set(planned.map((file) => file.level))].sort();
      for (const level of levels) {
        const inputs = planned
          .filter((file) => file.level === level)
          .map((file) => ({ file: file.id, size: file.size, events: file.events ?? 0 }));
        jobs += await addMergeJobs(db, production, block, definition, level, inputs);
      }
      await recountBlock(db, key);
      await advance(db, block, 'Merging');
      return { jobs };
    });
  }

  async function addMergeJobs(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    definition: Definition,
    level: string,
    inputs: readonly { file: number; size: number; events: number }[],
  ): Promise<number> {
    const target =
      definition.merge?.targetEvents === undefined
        ? { bytes: definition.merge?.targetSize ?? 1e9 }
        : { events: definition.merge.targetEvents };
    const groups = planMerges(inputs, target);
    const { number, index } = await nextJobNumbers(db, production.id, 'merge');
    await insertJobs(
      db,
      { production: production.id, block: block.number },
      'merge',
      groups.map((group, i) => ({
        number: number + i,
        seed: 0,
        first_event: 0,
        events: group.reduce((sum, one) => sum + one.events, 0),
        file_index: index + i,
        level,
      })),
    );
    await insertInputs(
      db,
      production.id,
      groups.flatMap((group, i) =>
        group.map((one, position) => ({ job: number + i, position, file: one.file })),
      ),
    );
    return groups.length;
  }

  async function hold(
    db: Db,
    production: ProductionRow,
    block: BlockRow,
    why: string,
  ): Promise<void> {
    const now = clock.now();
    await changeBlockState(db, block, { to: 'Held', why, now });
    if (production.state === 'Active' || production.state === 'Held') {
      await changeProductionState(db, production, { to: 'Held', why, who: 'fabrica', now });
      await tellParkedElsewhere(db, production, now);
    }
  }

  /** Moves a block on, unless it is further already. */
  async function advance(db: Db, block: BlockRow, to: BlockState): Promise<void> {
    if (STAGE_ORDER.indexOf(block.state) >= STAGE_ORDER.indexOf(to)) return;
    await changeBlockState(db, block, { to, why: '', now: clock.now() });
  }

  /** Moves a block on to a stage that needs no decision. */
  async function advanceBlock(input: BlockRef & { to: BlockState }): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const block = await getBlock(db, { production: production.id, block: input.block });
      if (block.state === 'Planned' || block.state === 'Fabricating') throw reopened(block);
      await advance(db, block, input.to);
    });
  }

  /** Sends a block back to make events again, after a verification found some of its files bad. */
  async function reopenBlock(input: BlockRef): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const block = await getBlock(db, { production: production.id, block: input.block });
      await changeBlockState(db, block, {
        to: 'Fabricating',
        why: 'outputs were lost',
        now: clock.now(),
      });
    });
  }

  return { closeStage, filesToVerify, recordProblems, planMergeJobs, advanceBlock, reopenBlock };
}

/** Those files that have no good copy left. */
async function withoutCopies<T extends { readonly file: number }>(
  db: Db,
  files: readonly T[],
): Promise<T[]> {
  const copies = await replicasOf(
    db,
    files.map(({ file }) => file),
  );
  return files.filter(({ file }) => !copies.has(file));
}

/** How many jobs of a block wait to run again after these files were lost: jobs that make events, and merges that made one of them. */
async function waitingOf(
  db: Db,
  production: number,
  block: number,
  files: readonly { readonly job: number | null }[],
): Promise<number> {
  const { jobs } = countsOf(await getBlock(db, { production, block }));
  const merges = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number>().as('jobs'))
    .where('production_id', '=', production)
    .where('number', 'in', [...new Set(files.flatMap((file) => file.job ?? []))])
    .where('kind', '=', 'merge')
    .where('state', '=', 'Waiting')
    .executeTakeFirstOrThrow();
  return (jobs.Waiting ?? 0) + merges.jobs;
}

const STAGE_ORDER: readonly BlockState[] = [
  'Planned',
  'Fabricating',
  'Validating',
  'Merging',
  'Distributing',
  'Clearing',
  'Finished',
];

/** Valid outputs of a block that no merge job has as an input yet. */
async function unmergedFiles(db: Db, production: number, block: number) {
  const files = await blockFiles(db, { production, block }, 'output');
  const taken = await mergeInputs(db, { production, block });
  const merged = new Set(taken);
  return files.filter((file) => !merged.has(file.id));
}
