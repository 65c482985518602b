import { blocksOf, changeBlockState, recountBlock, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { condemnReplicas } from '../../catalog/files.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import { repeatJobs, type JobsToRepeat } from '../../catalog/reprocess.js';
import { counted } from '../../domain/counted.js';
import { jobNumbersText, someJobNumbers } from '../../domain/job-numbers.js';
import type { JobSelection } from '../../domain/selection.js';
import { commandAllowed } from '../../policy/command-rules.js';
import { commandCase, invalid, refused, type CommandEffect } from './command-effect.js';
import { noteAbandonedCopies } from './abandoned-copies.js';
import { whatIsGone, whoReadsAmong } from './input-readers.js';
import { planReprocess, type ReprocessPlan, type Unplanned } from './reprocess-plan.js';

/** A request to run things again. */
export interface ReprocessRequest {
  readonly selection: JobSelection;
  /** For the event log. */
  readonly who: string;
  readonly why: string;
}

/** What came of it: what is answered if nothing was done, else the blocks whose workflows must look again. */
export type ReprocessAnswer =
  | { readonly refused: CommandEffect }
  | { readonly refused: null; readonly blocks: readonly number[]; readonly message: string };

/** The epoch of the catalog, and the time, ms. */
export interface Moment {
  readonly epoch: string;
  readonly now: number;
}

/**
 * Has jobs of a production run again with their seeds and event ranges, and their merged files replaced, all in the caller's
 * transaction: files are condemned, jobs wait, blocks are `Fabricating` again, and a production that had ended is `Active`. Its workflow must
 * be told or started afterwards (signal with start). What runs already is not asked for again, so the same request twice changes nothing more.
 */
export async function reprocess(
  db: Db,
  production: ProductionRow,
  request: ReprocessRequest,
  moment: Moment,
): Promise<ReprocessAnswer> {
  const closed = whyNot(production);
  if (closed !== null) return { refused: closed };
  const plan = await planReprocess(db, production, request.selection);
  if ('problem' in plan) return { refused: unplanned(plan) };
  const kept = await whyKept(db, production, request.selection, plan);
  if (kept !== null) return { refused: kept };

  const freed = plan.blocks.some(({ row }) => row.state === 'Held');
  await condemnReplicas(db, plan.lost);
  for (const { row, ...part } of plan.blocks) {
    await repeatInBlock(db, row, part, moment);
    await reopen(db, row, `reprocessed by ${request.who}`, moment.now);
    await recountBlock(db, { production: production.id, block: row.number });
  }
  await recordEvent(db, {
    at: moment.now,
    who: request.who,
    production: production.id,
    what: sentence(plan),
    why: request.why,
    data: {
      selection: request.selection,
      blocks: plan.blocks.map(({ again, repeated, retired, row }) => ({
        block: row.number,
        jobs: jobNumbersText(again.map(({ job }) => job)),
        repeatedMerges: jobNumbersText(repeated),
        retiredMerges: jobNumbersText(retired),
      })),
    },
  });
  if (plan.blocks.length > 0)
    await reactivate(db, production, { who: request.who, freed }, moment.now);
  return {
    refused: null,
    blocks: plan.blocks.map(({ row }) => row.number),
    message: sentence(plan),
  };
}

/**
 * Why what a request asks for can not be done for the sake of input files: those of this production that others read, or those that its
 * jobs would read. What is lost is made anew whoever reads it.
 */
export async function whyKept(
  db: Db,
  production: ProductionRow,
  selection: JobSelection,
  plan: ReprocessPlan,
): Promise<CommandEffect | null> {
  const jobs = plan.blocks.flatMap(({ again }) => again.map(({ job }) => job));
  const gone = await whatIsGone(db, production, jobs);
  if (gone !== null) {
    return refused(
      gone,
      'Select other jobs, or have that file made again by its own production first.',
    );
  }
  const readers = selection.lost === undefined ? await whoReadsAmong(db, plan.files) : null;
  return readers === null ? null : refused(readers.why, readers.remedy);
}

/** What is answered where nothing is planned. */
export function unplanned({ problem, remedy }: Unplanned): CommandEffect {
  return remedy === undefined ? invalid(problem) : refused(problem, remedy);
}

/** The same within a block whose own workflow has found the loss and goes back by itself. */
export async function repeatInBlock(
  db: Db,
  block: BlockRow,
  plan: JobsToRepeat,
  moment: Moment,
): Promise<void> {
  const abandoned = await repeatJobs(db, block.production_id, plan, moment.now);
  const key = { production: block.production_id, block: block.number };
  await noteAbandonedCopies(db, key, abandoned, moment);
}

/** Why nothing of a production in this state may run again; null if it may. */
export function whyNot(production: ProductionRow): CommandEffect | null {
  const verdict = commandAllowed('reprocess', commandCase(production));
  return verdict.allowed === 'no' ? refused(verdict.why, verdict.remedy) : null;
}

/** A block goes through its stages again, whatever it was doing. */
async function reopen(db: Db, block: BlockRow, why: string, now: number): Promise<void> {
  if (block.state === 'Planned') return;
  await changeBlockState(db, block, { to: 'Fabricating', why, now });
}

/** A production that had ended goes on, and one that was held by its audit or by these blocks; others wait for their resume or release. */
async function reactivate(
  db: Db,
  production: ProductionRow,
  { freed, who }: { readonly freed: boolean; readonly who: string },
  now: number,
): Promise<void> {
  const { state } = production;
  if (state === 'Active' || state === 'Stopped') return;
  if (state === 'Held') {
    const blocks = await blocksOf(db, production.id);
    const byThese = freed || production.resume_state === 'Completing';
    if (!byThese || blocks.some((block) => block.state === 'Held')) return;
  }
  await changeProductionState(db, production, {
    to: 'Active',
    why: `reprocessed by ${who}`,
    who,
    now,
  });
}

/** `2 jobs (3, 7) run again, 1 merged file is made anew`. */
function sentence(plan: ReprocessPlan): string {
  const again = plan.blocks.flatMap((block) => block.again.map(({ job }) => job));
  const merges = plan.blocks.reduce(
    (sum, { repeated, retired }) => sum + repeated.length + retired.length,
    0,
  );
  const copies = plan.lost.length;
  const parts = [
    ...(again.length > 0
      ? [`${counted(again.length, 'job runs', 'jobs run')} again (${someJobNumbers(again)})`]
      : []),
    ...(merges > 0 ? [`${counted(merges, 'merge is', 'merges are')} done anew`] : []),
    ...(copies > 0 ? [`${counted(copies, 'copy was', 'copies were')} lost`] : []),
    ...(plan.open.length > 0
      ? [`${someJobNumbers(plan.open)} ${plan.open.length === 1 ? 'runs' : 'run'} already`]
      : []),
  ];
  return `reprocess: ${parts.join(', ') || 'nothing is left to do'}`;
}
