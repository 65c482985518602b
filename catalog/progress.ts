import { sql } from 'kysely';
import { countsOf, type BlockRow } from './blocks.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import type { ProductionRow } from './productions.js';
import {
  addCounts,
  eventsWanted,
  type BlockCounts,
  type JobCounts,
  type ProductionProgress,
} from '../domain/progress.js';
import type { FailureClass } from '../domain/failure-class.js';
import type { BlockState } from '../domain/states/block.js';
import type { ProductionState } from '../domain/states/production.js';

/** Its files stay, except those of a rejected one. */
const GIVEN_UP: readonly ProductionState[] = ['Rejected', 'Cancelled'];

type CountedBlock = Pick<BlockRow, 'production_id' | 'state' | 'counts' | 'events' | 'updated_at'>;

/** Stages of a block after its merges. */
const MERGED: readonly BlockState[] = ['Distributing', 'Clearing', 'Finished'];

/** Events that jobs have read whose outputs are merged: what they have written may be less, so that merges are counted instead. */
function mergedOf({ made, merges }: BlockCounts, state: BlockState): number {
  if (MERGED.includes(state)) return merges.Done === undefined ? 0 : made;
  const all = Object.values(merges).reduce((sum, jobs) => sum + jobs, -(merges.Cancelled ?? 0));
  return all === 0 ? 0 : Math.floor((made * (merges.Done ?? 0)) / all);
}

/** How far a production is, from the counters of its blocks: as cheap for a million jobs as for ten. */
export async function progressOf(
  db: Db,
  production: ProductionRow,
  now: number,
): Promise<ProductionProgress> {
  const [progress] = await progressesOf(db, [production], now);
  if (progress === undefined) throw new Error('a production has no progress');
  return progress;
}

/** The same for many productions, in their order, by two statements. */
export async function progressesOf(
  db: Db,
  productions: readonly ProductionRow[],
  now: number,
): Promise<ProductionProgress[]> {
  const given = await revisionsBegan(
    db,
    productions.filter(({ state }) => GIVEN_UP.includes(state)),
  );
  const blocks = await blocksByProduction(db, productions);
  return productions.map((one) =>
    progressFrom(one, blocks.get(one.id) ?? [], given.get(one.id) ?? Infinity, now),
  );
}

/** When the present revisions of productions were submitted, ms since 1970, by the numbers of the productions. */
async function revisionsBegan(
  db: Db,
  productions: readonly ProductionRow[],
): Promise<Map<number, number>> {
  if (productions.length === 0) return new Map();
  const wanted = rowsOf(
    productions.map(({ id, revision }) => ({ id, revision })),
    { id: 'integer', revision: 'integer' },
  );
  const { rows } = await sql<{ id: number; began: number }>`
    select r.production_id as id, r.created_at as began
    from ${wanted} as w join revisions as r on r.production_id = w.id and r.revision = w.revision`.execute(
    db,
  );
  return new Map(rows.map(({ id, began }) => [id, began]));
}

async function blocksByProduction(
  db: Db,
  productions: readonly ProductionRow[],
): Promise<Map<number, CountedBlock[]>> {
  const wanted = rowsOf(
    productions.map(({ id }) => ({ id })),
    { id: 'integer' },
  );
  const { rows } = await sql<CountedBlock>`
    select b.production_id, b.state, b.counts, b.events, b.updated_at
    from ${wanted} as w join blocks as b on b.production_id = w.id`.execute(db);
  const found = new Map<number, CountedBlock[]>();
  for (const row of rows) {
    const list = found.get(row.production_id);
    if (list === undefined) found.set(row.production_id, [row]);
    else list.push(row);
  }
  return found;
}

/** What was given up with the production still tells how far it came; what was given up before `given`, with an earlier revision, does not. */
function progressFrom(
  production: ProductionRow,
  blocks: readonly CountedBlock[],
  given: number,
  now: number,
): ProductionProgress {
  let jobs: JobCounts = {};
  let merges: JobCounts = {};
  let failures: Partial<Record<FailureClass, number>> = {};
  let states: Partial<Record<BlockState, number>> = {};
  const events = { asked: production.events, made: 0, merged: 0, distributed: 0, waived: 0 };
  let files = 0;
  let bytes = 0;
  let planned = 0;
  for (const block of blocks) {
    const counts = countsOf(block);
    failures = addCounts(failures, counts.failures);
    states = addCounts(states, { [block.state]: 1 });
    if (block.state === 'Discarded' && block.updated_at < given) continue;
    planned += block.events;
    jobs = addCounts(jobs, counts.jobs);
    merges = addCounts(merges, counts.merges);
    if (production.state === 'Rejected') continue;
    events.made += counts.made;
    events.merged += production.inputs > 0 ? mergedOf(counts, block.state) : counts.merged;
    events.waived += counts.waived;
    if (block.state === 'Clearing' || block.state === 'Finished') {
      events.distributed += counts.made;
      files += counts.files;
      bytes += counts.bytes;
    }
  }
  // Those that will never be planned are given up like those of waived jobs.
  if (production.finish !== null) events.waived += Math.max(0, production.events - planned);
  return {
    production: production.name,
    state: production.state,
    reason: production.reason,
    priority: production.priority,
    events: { ...events, wanted: eventsWanted(events) },
    files,
    bytes,
    blocks: states,
    jobs,
    merges,
    failures,
    at: now,
  };
}
