import { blocksOf, changeBlockState, countsOf, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import type { Definition } from '../../domain/definition.js';
import { afterHold } from '../../domain/states/production.js';
import { judgeFailures, recentTallies } from './failure-rates.js';
import { judgeStage } from './stage-verdict.js';

/** A change of a definition, who has made it, and when (ms). */
export interface Amended {
  readonly before: Definition;
  readonly after: Definition;
  readonly who: string;
  readonly now: number;
}

/**
 * Judges by an amended definition what holds a production: what the rules of before hold, and those of now do not, goes on. What has other causes
 * stays held. Returns what is told of that, empty if it is not held.
 */
export async function judgeHoldsAnew(
  db: Db,
  production: ProductionRow,
  amended: Amended,
): Promise<string> {
  const { state } = production;
  if (state !== 'Held' && state !== 'Stopped') return '';
  const { freed, held } = await judgeBlocks(db, production, amended);
  if (state === 'Stopped') return '';
  if (production.held_for === 'sites') return 'it goes on by itself when a site takes its jobs';
  const why = held ?? (freed ? null : await whyHeld(db, production, amended));
  if (why === null) {
    await changeProductionState(db, production, {
      to: afterHold(production.resume_state),
      why: `amended by ${amended.who}: what held it is within its rules`,
      who: amended.who,
      now: amended.now,
    });
    return 'what held it is within its rules: it goes on';
  }
  if (why !== production.reason) {
    await changeProductionState(db, production, {
      ...{ to: 'Held', why, who: 'fabrica', now: amended.now },
      ...(production.held_for === null ? {} : { heldFor: production.held_for }),
    });
  }
  return `it stays held (${why}) until \`fabrica release ${production.name}\``;
}

/** Has blocks go on that the tolerance has held and holds no more; `held` is why the last of the others is held. */
async function judgeBlocks(
  db: Db,
  production: ProductionRow,
  { after, before, now }: Amended,
): Promise<{ readonly freed: boolean; readonly held: string | null }> {
  let held: string | null = null;
  let givenUp = 0;
  for (const block of await blocksOf(db, production.id)) {
    if (block.state !== 'Held') continue;
    const counts = countsOf(block);
    const parked = { counts, stage: 'events' } as const;
    const judged =
      isDone(block) && (await judgeStage(db, production, before, parked)).action === 'hold';
    const verdict = judged
      ? await judgeStage(db, production, after, { ...parked, givenUp })
      : { action: 'hold' as const, why: '' };
    if (verdict.action !== 'hold') {
      const to = block.resume_state ?? 'Fabricating';
      await changeBlockState(db, block, { to, why: '', now });
      givenUp += counts.jobs.Parked ?? 0;
    } else {
      if (judged) {
        const why = `block ${block.number}: ${verdict.why}`;
        await changeBlockState(db, block, { to: 'Held', why, now });
      }
      held = block.reason;
    }
  }
  return { freed: givenUp > 0, held };
}

/** It was held when its jobs had ended, and none waits since. */
function isDone(block: BlockRow): boolean {
  const { Running = 0, Submitted = 0, Waiting = 0 } = countsOf(block).jobs;
  return block.resume_state === 'Fabricating' && Running + Submitted + Waiting === 0;
}

/** Why it is held though none of its blocks is; null if that was for its failures, and they are few by the rules of now. */
async function whyHeld(
  db: Db,
  production: ProductionRow,
  { after, now }: Amended,
): Promise<string | null> {
  if (production.held_for !== 'failures') return production.reason;
  const tallies = await recentTallies(db, production, after, now);
  return (await judgeFailures(db, production, after, tallies, now)).hold;
}
