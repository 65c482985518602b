import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PRODUCTION_STATES } from '../../../domain/states/production.js';
import { ControlRoom, definition, failing, type Ref } from './control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register();
  expect((await room.scout(ref, failing())).state).toBe('Rejected');
});
afterEach(() => room.close());

const ask = () =>
  room.do.command({ ...ref, command: { kind: 'rescout', who: 'me', why: 'KMI was to blame' } });
const scouts = () =>
  room.rows(
    `select number, seed, first_event, state from jobs where kind = 'scout' order by number`,
  );

async function end(): Promise<void> {
  await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
  await room.remove(ref, null);
  await room.do.recordEnd(ref);
}

describe('rescout', () => {
  it('scouts a rejected production again, with new jobs and seeds, as a new revision; it completes', async () => {
    await end();
    expect(await ask()).toMatchObject({ outcome: 'done', state: 'Scouting' });
    expect(
      await room.rows('select revision, submitted_by from revisions order by revision'),
    ).toEqual([
      { revision: 1, submitted_by: 'tester' },
      { revision: 2, submitted_by: 'me' },
    ]);
    await room.complete(ref);
    expect(await scouts()).toEqual([
      { number: 1, seed: 1, first_event: 1, state: 'Cancelled' },
      { number: 2, seed: 2, first_event: 11, state: 'Cancelled' },
      { number: 3, seed: 3, first_event: 1, state: 'Done' },
      { number: 4, seed: 4, first_event: 11, state: 'Done' },
    ]);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
    expect(
      await room.rows(`select who, what, why from events where what = 'Rejected -> Scouting'`),
    ).toEqual([
      {
        who: 'me',
        what: 'Rejected -> Scouting',
        why: 'revision 2, the same definition again: KMI was to blame',
      },
    ]);
  });

  it('keeps the priority that a person has given it', async () => {
    const reprioritize = { kind: 'reprioritize', value: 9, who: 'me', why: '' } as const;
    await room.do.command({ ...ref, command: reprioritize });
    await end();
    expect(await ask()).toMatchObject({ outcome: 'done', state: 'Scouting', priority: 9 });
    expect(await room.rows('select priority from productions')).toEqual([{ priority: 9 }]);
  });

  it('is refused while what the scouts left is being removed', async () => {
    expect(await ask()).toMatchObject({ outcome: 'refused', state: 'Rejected' });
    await end();
    expect(await ask()).toMatchObject({ outcome: 'done' });
  });

  it('is refused in every other state', async () => {
    for (const state of PRODUCTION_STATES) {
      if (state === 'Rejected') continue;
      await room.change(`update productions set state = '${state}', resume_state = null`);
      expect((await ask()).message).toBe(
        `only Rejected productions are scouted again, it is ${state}`,
      );
    }
  });
});

describe('a new revision', () => {
  it('waits until what the one before has left is removed', async () => {
    const input = {
      definition: definition({ events: 80 }),
      workflowId: 'production/mumu',
      by: 'tester',
    };
    expect(await room.do.validateDefinition(input)).toMatchObject({
      registered: false,
      ending: { production: 'mumu', state: 'Rejected' },
    });
    await end();
    expect(await room.do.validateDefinition(input)).toMatchObject({ ending: null });
  });

  it('in another campaign may have the seeds of the one before', async () => {
    await end();
    await room.register(definition({ dataset: { campaign: 'MC17' } }));
    await room.complete(ref);
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).discrepancies).toEqual([]);
  });
});
