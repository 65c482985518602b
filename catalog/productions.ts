import { sql, type Selectable } from 'kysely';
import { FabricaError } from '../domain/errors.js';
import type { Definition } from '../domain/definition.js';
import type { LfnScheme } from '../domain/lfn.js';
import {
  LIVE_PRODUCTION_STATES,
  PRODUCTION_TRANSITIONS,
  type HeldFor,
  type ProductionState,
} from '../domain/states/production.js';
import { assertTransition } from '../domain/transition.js';
import type { Db } from './catalog.js';
import { recordEvent } from './events.js';
import type { ProductionTable, RevisionTable } from './tables.js';

export type ProductionRow = Selectable<ProductionTable>;

/** A production of this name, or undefined. */
export async function findProduction(db: Db, name: string): Promise<ProductionRow | undefined> {
  return db.selectFrom('productions').selectAll().where('name', '=', name).executeTakeFirst();
}

/** The production of this name; throws `FABRICA_PRODUCTION_UNKNOWN`. */
export async function getProduction(db: Db, name: string): Promise<ProductionRow> {
  const row = await findProduction(db, name);
  if (row === undefined) {
    throw new FabricaError('FABRICA_PRODUCTION_UNKNOWN', `No production is named ${name}.`, {
      production: name,
    });
  }
  return row;
}

/** What a production was registered with: the definition of its present revision, and its naming scheme. */
export interface Revision {
  readonly revision: number;
  readonly definition: Definition;
  readonly digest: string;
  readonly scheme: LfnScheme;
}

export async function revisionOf(
  db: Db,
  production: Pick<ProductionRow, 'id' | 'revision'>,
): Promise<Revision> {
  const row = await db
    .selectFrom('revisions')
    .selectAll()
    .where('production_id', '=', production.id)
    .where('revision', '=', production.revision)
    .executeTakeFirstOrThrow();
  return readRevision(row);
}

function readRevision(row: Selectable<RevisionTable>): Revision {
  return {
    revision: row.revision,
    // Written by `insertRevision` from checked values, and by nobody else.
    definition: JSON.parse(row.definition) as Definition,
    scheme: JSON.parse(row.lfn_scheme) as LfnScheme,
    digest: row.digest,
  };
}

/**
 * The revisions of a production since its definition was last submitted, the present one first: the others are what commands have made of it. That
 * a rejected one has been given a definition anew is told by the event that `register` writes with it.
 */
export async function revisionsSinceSubmission(
  db: Db,
  production: Pick<ProductionRow, 'id' | 'revision'>,
): Promise<Revision[]> {
  const { rows } = await sql<Selectable<RevisionTable>>`
    select r.* from revisions r where r.production_id = ${production.id} and r.revision >= coalesce(
      (select max(s.revision) from events e join revisions s on e.why = 'revision ' || s.revision
        where e.production_id = ${production.id} and s.production_id = e.production_id
          and e.what = 'Rejected -> Scouting'), 1)
    order by r.revision desc`.execute(db);
  return rows.map(readRevision);
}

/** The columns that a definition sets; its campaign is known afterwards. */
async function definedColumns(db: Db, definition: Definition) {
  await db
    .insertInto('campaigns')
    .values({ name: definition.dataset.campaign, next_seed: 1 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return {
    group_name: definition.group,
    owner: definition.owner,
    description: definition.description,
    campaign: definition.dataset.campaign,
    priority: definition.priority,
    // Those of its input are known when that is fixed (`recordWork`).
    events: definition.events ?? 0,
    inputs: 0,
    estimate: null,
    job_seconds: null,
  };
}

/** What the input of a production comes to. The row is changed with it. */
export async function recordWork(
  db: Db,
  production: ProductionRow,
  work: { readonly events: number; readonly inputs: number },
): Promise<void> {
  await db.updateTable('productions').set(work).where('id', '=', production.id).execute();
  Object.assign(production, work);
}

/** Registers a production in state `New`, without a revision yet. */
export async function insertProduction(
  db: Db,
  definition: Definition,
  now: number,
): Promise<ProductionRow> {
  return db
    .insertInto('productions')
    .values({
      name: definition.name,
      ...(await definedColumns(db, definition)),
      state: 'New',
      resume_state: null,
      reason: '',
      revision: 1,
      created_at: now,
      updated_at: now,
      finished_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Makes a production what its next revision says; what the one before has measured is forgotten. The row is changed with it. */
export async function redefineProduction(
  db: Db,
  production: ProductionRow,
  definition: Definition,
): Promise<void> {
  const columns = {
    revision: production.revision + 1,
    ...(await definedColumns(db, definition)),
  };
  await db.updateTable('productions').set(columns).where('id', '=', production.id).execute();
  Object.assign(production, columns);
}

/** The same for a definition that a live production has been given: what was measured, and its priority, stay. */
export async function amendProduction(
  db: Db,
  production: ProductionRow,
  definition: Definition,
  now: number,
): Promise<void> {
  const columns = {
    revision: production.revision + 1,
    group_name: definition.group,
    owner: definition.owner,
    description: definition.description,
    events: definition.events ?? production.events,
    updated_at: now,
  };
  await db.updateTable('productions').set(columns).where('id', '=', production.id).execute();
  Object.assign(production, columns);
}

/** Whether the production is being finished early; the row is changed with it. */
export async function setFinish(
  db: Db,
  production: ProductionRow,
  finish: ProductionRow['finish'],
): Promise<void> {
  await db.updateTable('productions').set({ finish }).where('id', '=', production.id).execute();
  production.finish = finish;
}

/** What its jobs are expected to need from now on. The row is changed with it. */
export async function saveEstimate(
  db: Db,
  production: ProductionRow,
  estimate: unknown,
): Promise<void> {
  production.estimate = JSON.stringify(estimate);
  await db
    .updateTable('productions')
    .set({ estimate: production.estimate })
    .where('id', '=', production.id)
    .execute();
}

export async function changePriority(
  db: Db,
  production: ProductionRow,
  change: { readonly to: number; readonly who: string; readonly why: string; readonly now: number },
): Promise<void> {
  await db
    .updateTable('productions')
    .set({ priority: change.to, updated_at: change.now })
    .where('id', '=', production.id)
    .execute();
  await recordEvent(db, {
    at: change.now,
    who: change.who,
    production: production.id,
    what: `priority ${production.priority} -> ${change.to}`,
    why: change.why,
  });
  production.priority = change.to;
}

export async function insertRevision(
  db: Db,
  revision: {
    production: number;
    revision: number;
    canonical: string;
    digest: string;
    scheme: LfnScheme;
    by: string;
    now: number;
  },
): Promise<void> {
  await db
    .insertInto('revisions')
    .values({
      production_id: revision.production,
      revision: revision.revision,
      definition: revision.canonical,
      digest: revision.digest,
      lfn_scheme: JSON.stringify(revision.scheme),
      submitted_by: revision.by,
      created_at: revision.now,
    })
    .execute();
}

/** Final states set `finished_at`. */
const FINAL: readonly ProductionState[] = [
  'Rejected',
  'Completed',
  'Cancelled',
  'Cleaned',
  'Archived',
];

/**
 * Changes the state and logs it; afterwards the given row is as in the catalog. Staying in the same state only changes
 * the reason. Throws `FABRICA_TRANSITION_FORBIDDEN`.
 */
export async function changeProductionState(
  db: Db,
  production: ProductionRow,
  change: {
    to: ProductionState;
    why: string;
    who: string;
    now: number;
    data?: unknown;
    heldFor?: HeldFor;
  },
): Promise<void> {
  const from = production.state;
  assertTransition(PRODUCTION_TRANSITIONS, `production ${production.name}`, from, change.to);
  const parks = change.to === 'Stopped' || change.to === 'Held';
  const resume = parks ? (production.resume_state ?? from) : null;
  // What has held it counts no more once a person has it go on; sites that take jobs again are judged as before.
  const byItself = production.held_for === 'sites' && change.who === 'fabrica';
  const update = {
    state: change.to,
    resume_state: resume,
    reason: change.why,
    held_for: change.heldFor ?? null,
    updated_at: change.now,
    finished_at: FINAL.includes(change.to) ? change.now : null,
    judged_from: from === 'Held' && !parks && !byItself ? change.now : production.judged_from,
  };
  await db.updateTable('productions').set(update).where('id', '=', production.id).execute();
  Object.assign(production, update);
  if (from !== change.to) {
    await recordEvent(db, {
      at: change.now,
      who: change.who,
      production: production.id,
      what: `${from} -> ${change.to}`,
      why: change.why,
      data: change.data,
    });
  }
}

/** Productions in which a workflow should have something to do. */
export async function liveProductions(db: Db): Promise<ProductionRow[]> {
  return db
    .selectFrom('productions')
    .selectAll()
    .where('state', 'in', [...LIVE_PRODUCTION_STATES])
    .orderBy('id')
    .execute();
}

/** Takes `count` seeds that nobody in the campaign has used; returns the first. They follow each other. */
export async function takeSeeds(db: Db, campaign: string, count: number): Promise<number> {
  const row = await db
    .updateTable('campaigns')
    .set((eb) => ({ next_seed: eb('next_seed', '+', count) }))
    .where('name', '=', campaign)
    .returning('next_seed')
    .executeTakeFirstOrThrow();
  return row.next_seed - count;
}

/** How much the newest jobs count in the moving mean of their wall time. */
const NEWEST = 0.3;

/** Takes the wall times of jobs that have just ended, s, into the production's moving mean. */
export async function learnJobSeconds(
  db: Db,
  production: Pick<ProductionRow, 'id' | 'job_seconds'>,
  seconds: readonly number[],
): Promise<void> {
  if (seconds.length === 0) return;
  const mean = seconds.reduce((sum, one) => sum + one, 0) / seconds.length;
  const before = production.job_seconds;
  await db
    .updateTable('productions')
    .set({ job_seconds: before === null ? mean : before + NEWEST * (mean - before) })
    .where('id', '=', production.id)
    .execute();
}

/** The production of this number. */
export async function productionOf(db: Db, id: number): Promise<ProductionRow> {
  return db.selectFrom('productions').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}
