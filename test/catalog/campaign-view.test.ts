import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { indexCampaigns } from '../../catalog/campaign-migration.js';
import { getProduction } from '../../catalog/productions.js';
import { progressOf } from '../../catalog/progress.js';
import { listCampaigns } from '../../catalog/views/campaign-list.js';
import { viewCampaign, type CampaignView } from '../../catalog/views/campaign-view.js';
import { ControlRoom, definition, failing, good } from '../activities/control/control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(async () => room.close());

const view = async (name = 'MC16'): Promise<CampaignView | null> =>
  viewCampaign(room.catalog.db, name, { now: room.clock.now(), trouble: 10 });

const make = (name: string, campaign = 'MC16') =>
  room.register(definition({ name, dataset: { campaign } }));

/** The final files that the storages should have by now. */
const finalFiles = () =>
  room.rows<{ files: number; bytes: number }>(
    `select count(*) as files, sum(size) as bytes from files where kind = 'merged' and state = 'Valid'`,
  );

describe('a campaign', () => {
  it('is the sum of its productions, and of no other', async () => {
    await room.complete(await make('one'));
    await room.complete(await make('two'), (job, order) =>
      job.job === 3 && job.attempt === 1 ? failing()(job, order) : good(job, order),
    );
    await make('three');
    await make('other', 'MC17');
    const [final] = await finalFiles();
    expect(final?.files).toBe(6);
    expect(await view()).toMatchObject({
      name: 'MC16',
      productions: 3,
      states: { Completing: 2, New: 1 },
      troubled: 0,
      events: { asked: 180, wanted: 180, made: 120, merged: 120, distributed: 120, waived: 0 },
      jobs: { Done: 12 },
      merges: { Done: 6 },
      failures: { 'payload-error': 1 },
      files: final?.files,
      bytes: final?.bytes,
      trouble: [],
    });
    const campaigns = await listCampaigns(room.catalog.db, room.clock.now());
    expect(campaigns.map(({ name, productions }) => [name, productions])).toEqual([
      ['MC17', 1],
      ['MC16', 3],
    ]);
    expect(await view('MC18')).toBeNull();
  });

  it('counts files only while they are distributed: a block that is made again has none', async () => {
    const ref = await make('one');
    await room.complete(ref);
    await room.do.command({
      ...ref,
      command: { kind: 'reprocess', select: { jobs: '3' }, who: 'me', why: '' },
    });
    const { events, files } = await progressOf(
      room.catalog.db,
      await getProduction(room.catalog.db, 'one'),
      room.clock.now(),
    );
    expect(events.distributed).toBe(20);
    expect(files).toBe(1);
  });

  it('names the productions that wait for a person, and why', async () => {
    await make('fine');
    await room.scout(await make('bad'), failing());
    const { trouble, troubled } = (await view()) ?? {};
    expect(troubled).toBe(1);
    expect(trouble).toMatchObject([{ name: 'bad', state: 'Rejected', parked: 0 }]);
    expect(trouble?.[0]?.reason).toContain('0 of 2');
  });

  it('tells how fast it goes, of the productions that go on', async () => {
    expect((await make('done')).production).toBe('done');
    const going = await make('going');
    await room.scout(going);
    room.clock.pass(1800);
    const pace = (await view())?.pace;
    expect(pace).toEqual({
      eventsLeft: 100,
      eventsMade: 20,
      attemptsDone: 2,
      lately: 2,
      seconds: 1800,
    });
    // The tallies of this long ago count no more.
    room.clock.pass(7200);
    const later = (await view())?.pace;
    expect(later?.lately).toBe(0);
    expect(later?.seconds).toBeGreaterThanOrEqual(3600);
    expect(later?.seconds).toBeLessThan(3600 + 600);
  });
});

describe('a catalog from before campaigns', () => {
  it('learns how many final files its finished blocks have made', async () => {
    await room.complete(await make('one'));
    const counts = () => room.rows<{ counts: string }>('select counts from blocks order by number');
    const before = await counts();
    const { db } = room.catalog;
    await sql`drop index productions_by_campaign`.execute(db);
    await sql`update blocks set counts = json_remove(counts, '$.files', '$.bytes')`.execute(db);
    expect((await view())?.files).toBe(0);
    await indexCampaigns(db as never);
    const parsed = (rows: { counts: string }[]): unknown[] =>
      rows.map((row) => JSON.parse(row.counts) as unknown);
    expect(parsed(await counts())).toEqual(parsed(before));
    expect((await view())?.files).toBe(3);
  });
});
