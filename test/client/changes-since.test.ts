import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registeredDefinition } from '../../catalog/views/registered-definition.js';
import { changesSince, type ChangeSince } from '../../client/temporal/changes-since.js';
import type { Command } from '../../domain/command.js';
import { ControlRoom, type Ref } from '../activities/control/control-room.js';

let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register();
});
afterEach(() => room.close());

async function tell(more: Pick<Command, 'kind' | 'select' | 'value'>): Promise<void> {
  const command = { who: 'ann@host', why: '', ...more };
  expect(await room.do.command({ ...ref, command })).toMatchObject({ outcome: 'done' });
}

/** What has changed since the revision of this number. */
async function since(revision: number): Promise<ChangeSince[]> {
  const known = await room.catalog.read((db) => registeredDefinition(db, ref.production));
  const submitted = known?.since.find((one) => one.revision === revision);
  if (known === null || submitted === undefined) throw new Error('it is not registered');
  return changesSince(known.production, submitted.definition, known.revision);
}

describe('what has changed since a definition was submitted', () => {
  it('is nothing at first', async () => {
    expect(await since(1)).toEqual([]);
  });

  it('is told by field, with the command that changes it', async () => {
    await tell({ kind: 'extend', select: { total: 70 } });
    await tell({ kind: 'amend', select: { set: { tolerance: 0.2 } } });
    await tell({ kind: 'reprioritize', value: 9 });
    const amended = { command: 'amend', change: 'tolerance: 0 -> 0.2' };
    const reprioritized = { command: 'reprioritize', change: 'priority: 5 -> 9' };
    expect(await since(1)).toEqual([
      { command: 'extend', change: 'events: 60 -> 70' },
      reprioritized,
      amended,
    ]);
    expect(await since(2)).toEqual([reprioritized, amended]);
    expect(await since(3)).toEqual([reprioritized]);
  });

  it('is a priority by amendment where the definition has become so', async () => {
    await tell({ kind: 'amend', select: { set: { priority: 9, tolerance: 0.2 } } });
    expect(await since(1)).toMatchObject([{ command: 'amend' }, { command: 'amend' }]);
  });

  it('is nothing once it has been taken back', async () => {
    for (const tolerance of [0.2, 0]) await tell({ kind: 'amend', select: { set: { tolerance } } });
    expect(await since(1)).toEqual([]);
  });
});
