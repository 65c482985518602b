import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobsOf, type BundleHandle } from '../../../domain/bundle.js';
import { ControlRoom, definition, type Ref } from './control-room.js';

/** Temporal takes no larger answer of an activity, bytes. */
const MOST = 2_000_000;

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  const command = ['./gen', '{seed}', 'x'.repeat(3000)];
  ref = await room.register(definition({ scouts: { jobs: 0 }, fabrication: { command } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
});
afterEach(() => room.close());

/** More bundles like the first one, each with so many jobs; the attempts of neighbours differ, so that their ranges are long lists. */
async function multiply(bundles: number, jobs: number): Promise<void> {
  await room.place(ref, 0);
  await room.change(`
    insert into bundles (id, production_id, block, kind, site, ticket, jobs, open, destinations, placed_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${bundles})
    select 1000 + i, production_id, block, kind, site, 'other', ${jobs}, ${jobs}, destinations, placed_at
    from n, bundles where id = 1`);
  await room.change(`
    insert into jobs (production_id, number, block, kind, state, attempt, charged, seed, first_event, events, file_index,
                      not_before, avoid, raised)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${bundles * jobs})
    select production_id, 1000 + i, block, kind, 'Submitted', 1 + i % 2, 0, 1000 + i, 10 * i, 10, 1000 + i, 0, '[]', 0
    from n, jobs where number = 1`);
  await room.change(`
    insert into attempts (production_id, job, attempt, bundle, site, state, placed_at, ce_id, node, reason, log_tail)
    select j.production_id, number, j.attempt, 1001 + (number - 1001) / ${jobs}, b.site, 'Submitted', 0, '', '', '', ''
    from jobs j, bundles b where number > 1000 and b.id = 1`);
}

const bytes = (value: unknown): number => JSON.stringify(value).length;

describe('a block that opens with hundreds of bundles on their way', () => {
  it('gets orders that fit an answer, and what is left out of them when it asks', async () => {
    await multiply(800, 2);
    const { bundles } = await room.do.openBlock({ ...ref, block: 0 });
    expect(bundles.length).toBeGreaterThan(800);
    expect(bytes(bundles)).toBeLessThan(MOST / 2);
    const [first, last] = [bundles[0]!, bundles.at(-1)!];
    expect(first.incomplete).toBeUndefined();
    expect(last.incomplete).toBe(true);
    const whole = await room.do.bundleOrder({ ...ref, ...last });
    expect(whole.recipe.command).toEqual(first.recipe.command);
    expect([...jobsOf(whole.ranges)].map(({ job }) => job)).toEqual([2599, 2600]);
  });
});

describe('the bundles of a production with scattered attempts at sites', () => {
  it('are told page by page, each within an answer', async () => {
    await multiply(60, 1000);
    const all = await room.do.openHandles({ ...ref, block: null });
    expect(bytes(all)).toBeGreaterThan(MOST);
    const found: BundleHandle[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page = await room.do.openHandles({ ...ref, block: null, after });
      expect(bytes(page)).toBeLessThan(MOST / 2);
      found.push(...page);
      const last = page.at(-1);
      after = last?.more === true ? last.bundle : null;
    }
    expect(found.map((handle) => ({ ...handle, more: undefined }))).toEqual(all);
  });

  it('are told at once where they are few', async () => {
    await room.place(ref, 0);
    expect(await room.do.openHandles({ ...ref, block: null, after: 0 })).toEqual(
      await room.do.openHandles({ ...ref, block: null }),
    );
  });
});
