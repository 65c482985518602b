import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeAttempts, getBundle } from '../../catalog/attempts.js';
import { changeBlockState, getBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { changeJobs, moveJobs } from '../../catalog/jobs.js';
import { changeProductionState, getProduction } from '../../catalog/productions.js';
import { GUARDED } from '../../catalog/transition-guards.js';
import { PRODUCTION_STATES, PRODUCTION_TRANSITIONS } from '../../domain/states/production.js';
import { mayBecome } from '../../domain/transition.js';
import { ControlRoom, failing, good, type Ref } from '../activities/control/control-room.js';

let room: ControlRoom;
let ref: Ref;

beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register();
  await room.step(ref);
});
afterEach(() => room.close());

/** A transaction that writes something good and then what `work` does: it must be refused as a whole. */
async function refused(work: (db: Db) => Promise<unknown>): Promise<void> {
  const before = await room.dump();
  await expect(
    room.catalog.write(async (db) => {
      await recordEvent(db, { at: 1, who: 'tester', what: 'a good change', why: '' });
      await work(db);
    }),
  ).rejects.toMatchObject({ code: 'FABRICA_TRANSITION_FORBIDDEN' });
  expect(await room.dump()).toEqual(before);
}

/** Any statement at all, as a mistake in Fabrica or a person at the database may make it. */
const raw = (statement: string) => (db: Db) => sql.raw(statement).execute(db);

const change = { why: '', who: 'tester', now: 1 };

describe('a forbidden change of state is refused with everything in its transaction', () => {
  it('of a production', async () => {
    await refused(async (db) => {
      const production = await getProduction(db, ref.production);
      await changeProductionState(db, production, { ...change, to: 'Completed' });
    });
  });

  it('of a block', async () => {
    await refused(async (db) => {
      const block = await getBlock(db, { production: 1, block: 0 });
      await changeBlockState(db, block, { ...change, to: 'Finished' });
    });
  });

  it('of one job among many', async () => {
    const job = { charged: 0, uncharged: 0, not_before: 0, avoid: '[]', raised: 0 };
    await refused((db) =>
      changeJobs(db, 1, [
        { ...job, number: 1, from: 'Waiting', state: 'Submitted' },
        { ...job, number: 2, from: 'Waiting', state: 'Done' },
      ]),
    );
  });

  it('of all jobs of a block', async () => {
    await refused((db) => moveJobs(db, { production: 1, block: 0 }, 'events', 'Waiting', 'Done'));
  });

  it('of an attempt that has ended', async () => {
    const { bundles } = await room.place(ref, 0);
    const reports = bundles.flatMap((order) => room.report(order, failing()));
    await refused(async (db) =>
      changeAttempts(
        db,
        await getBundle(db, 1, bundles[0]?.bundle ?? 0),
        reports.map((report) => ({
          ...{ from: 'Failed', state: 'Done', report },
          ...{ class: null, blame: null, rule: null, evidence: null },
        })),
        0,
      ),
    );
  });
});

describe('the database itself refuses', () => {
  beforeEach(async () => {
    await room.complete(ref, good);
  });

  it.each(Object.entries(GUARDED))(
    'each change of state in %s that is not allowed',
    async (table, transitions) => {
      const rows = await room.rows<{ state: string }>(`select distinct state from ${table}`);
      const states = Object.keys(transitions);
      for (const { state } of rows) {
        for (const to of states.filter((one) => !mayBecome(transitions, state, one))) {
          await refused(raw(`update ${table} set state = '${to}' where state = '${state}'`));
        }
        await refused(raw(`update ${table} set state = 'Bogus' where state = '${state}'`));
      }
    },
  );

  it('nothing that changes no state', async () => {
    for (const table of Object.keys(GUARDED)) {
      await room.catalog.write(raw(`update ${table} set state = state`));
    }
  });
});

describe('a change of a production’s state', () => {
  it('is allowed exactly where the table allows it, and logged', async () => {
    for (const from of PRODUCTION_STATES) {
      for (const to of PRODUCTION_STATES) {
        await room.change(`update productions set state = '${from}', resume_state = null`);
        const events = (await room.dump())['events']?.length ?? 0;
        const work = room.catalog.write(async (db) =>
          changeProductionState(db, await getProduction(db, ref.production), { ...change, to }),
        );
        if (mayBecome(PRODUCTION_TRANSITIONS, from, to)) await work;
        else await expect(work, `${from} -> ${to}`).rejects.toThrow(from);
        const [row] = await room.rows<{ state: string }>('select state from productions');
        const happened = mayBecome(PRODUCTION_TRANSITIONS, from, to);
        expect(row?.state).toBe(happened ? to : from);
        const logged = ((await room.dump())['events']?.length ?? 0) - events;
        expect(logged).toBe(happened && from !== to ? 1 : 0);
      }
    }
  });

  it('remembers where a held production was, over a pause', async () => {
    const states: (string | null)[] = [];
    await room.catalog.write(async (db) => {
      const production = await getProduction(db, ref.production);
      for (const to of ['Active', 'Held', 'Stopped', 'Active'] as const) {
        await changeProductionState(db, production, { ...change, to });
        states.push(production.resume_state);
      }
    });
    expect(states).toEqual([null, 'Active', 'Active', null]);
  });
});
