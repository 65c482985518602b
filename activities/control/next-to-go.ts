import { countsOf, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { lostInputs } from '../../catalog/job-inputs.js';
import { placeableJobs } from '../../catalog/jobs.js';
import type { LostInputs } from '../../policy/explanation.js';
import { readsFiles } from './orders.js';
import { MOST_LOOKED_AT, type PlacementCases, type Ready, type Waiting } from './placement-case.js';

/** A block whose jobs are next. */
export interface NextToGo extends Pick<Waiting, 'block' | 'stage'> {
  readonly ready: Ready;
  /** Jobs that are ready, and whose files are there. */
  readonly able: Ready['jobs'];
  readonly lost: LostInputs;
}

const NO_BLOCK = { number: -1, home_storage: '', counts: '{}', jobs: 0 };
const NOTHING_LOST: LostInputs = { remade: 0, remadeLater: 0, gone: 0 };
const NOTHING_READY: Ready = { jobs: [], why: '', wait: 0 };

/** The first block with jobs that can go now; if there is none, the first with jobs that wait, or any. */
export async function nextToGo(
  db: Db,
  cases: PlacementCases,
  known: Pick<Waiting, 'definition' | 'production'>,
  { blocks, now }: { readonly blocks: readonly BlockRow[]; readonly now: number },
): Promise<NextToGo> {
  let first: NextToGo | null = null;
  for (const block of blocks) {
    const { jobs, merges } = countsOf(block);
    if (block.state === 'Held' || (jobs.Waiting ?? 0) + (merges.Waiting ?? 0) === 0) continue;
    const stage = (merges.Waiting ?? 0) > 0 ? 'merge' : 'events';
    const waiting: Waiting = { ...known, block, stage };
    const ready = await cases.ready(db, waiting);
    const { lost, unable } = await withoutInputs(db, waiting, now);
    const able = ready.why === '' ? ready.jobs.filter(({ number }) => !unable.has(number)) : [];
    const found = { block, stage, ready, able, lost } as const;
    if (able.length > 0) return found;
    first ??= found;
  }
  const nothing = { ready: NOTHING_READY, able: [], lost: NOTHING_LOST };
  return first ?? { block: blocks[0] ?? NO_BLOCK, stage: 'events', ...nothing };
}

/** Which of the jobs of a block that wait can not read a file, as `place` will find them. */
async function withoutInputs(
  db: Db,
  { block, definition, production, stage }: Waiting,
  now: number,
): Promise<{ lost: LostInputs; unable: ReadonlySet<number> }> {
  if (stage !== 'events' || !readsFiles(production, definition)) {
    return { lost: NOTHING_LOST, unable: new Set() };
  }
  const key = { production: production.id, block: block.number };
  const most = { limit: MOST_LOOKED_AT, avoiding: MOST_LOOKED_AT };
  const range = { now: Number.MAX_SAFE_INTEGER, ...most };
  const jobs = await placeableJobs(db, key, stage, range);
  const due = new Set(jobs.filter((job) => job.not_before <= now).map(({ number }) => number));
  const found = await lostInputs(
    db,
    production.id,
    jobs.map(({ number }) => number),
  );
  const remade = found.filter((one) => one.remade);
  const lost = {
    remade: remade.length,
    remadeLater: remade.filter(({ job }) => !due.has(job)).length,
    gone: found.filter((one) => !one.remade && due.has(one.job)).length,
  };
  return { lost, unable: new Set(found.map(({ job }) => job)) };
}
