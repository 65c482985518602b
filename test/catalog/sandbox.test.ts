import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unpack } from '../../activities/packed.js';
import type { StoredPayload } from '../../domain/payload.js';
import { ControlRoom, definition, failing, type Ref } from '../activities/control/control-room.js';

const PAYLOAD: StoredPayload = {
  name: 'gen',
  lfn: '/belle/sandbox/ab/abcd/gen',
  storage: 'KMI-DISK',
  size: 10,
  adler32: '00000001',
};

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

const withPayload = (name: string, payload = PAYLOAD) =>
  definition({ name, fabrication: { payload: [payload] } });

/** A production that its scouts reject, up to the list of what shall be removed. */
async function rejected(name: string): Promise<Ref> {
  const ref = await room.register(withPayload(name));
  await room.scout(ref, failing());
  await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
  return ref;
}

async function cleaned(ref: Ref): Promise<void> {
  await room.do.command({ ...ref, command: { kind: 'clean', who: 'me', why: '' } });
  await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
}

const replicas = () => room.rows('select storage, path, state from replicas');
const path = () => `/${room.catalog.epoch}${PAYLOAD.lfn}`;

describe('the payload files of productions', () => {
  it('are one file for all productions that use them', async () => {
    await room.register(withPayload('a'));
    await room.register(withPayload('b'));
    expect(await replicas()).toEqual([{ storage: 'KMI-DISK', path: path(), state: 'Available' }]);
  });

  it('are refused when another file has the name', async () => {
    await room.register(withPayload('a'));
    const other = withPayload('b', { ...PAYLOAD, size: 11 });
    const before = await room.dump();
    await expect(
      room.do.register({ definition: other, workflowId: 'production/b', by: 'tester' }),
    ).rejects.toMatchObject({ type: 'FABRICA_DEFINITION_INVALID' });
    expect(await room.dump()).toEqual(before);
  });

  it('stay with a rejected production, which may be scouted again, and go when it is cleaned', async () => {
    const ref = await rejected('a');
    await room.remove(ref, null);
    expect(await replicas()).toMatchObject([{ state: 'Available' }]);
    await room.do.recordEnd(ref);
    await cleaned(ref);
    await room.remove(ref, null);
    expect(await replicas()).toEqual([]);
  });

  it('go when a new revision does without them', async () => {
    const ref = await rejected('a');
    await room.do.recordEnd(ref);
    await room.register(definition({ name: 'a' }));
    await room.remove(ref, null);
    expect(await replicas()).toEqual([]);
  });

  it('stay while another production uses them', async () => {
    await room.register(withPayload('b'));
    const ref = await rejected('a');
    await room.remove(ref, null);
    expect(await replicas()).toMatchObject([{ state: 'Available' }]);
  });

  it('are not removed as a debt of the past when a later production has stored them again', async () => {
    const ref = await rejected('a');
    await room.do.recordEnd(ref);
    await cleaned(ref);
    await room.do.recordDebt({ ...ref, storage: 'KMI-DISK', reason: 'no route' });
    await room.do.recordEnd(ref);
    const due = async (): Promise<string[]> => {
      const { batches } = await room.do.planRemovals({ ...ref, block: null, except: [], gone: [] });
      return batches.flatMap((batch) => unpack(batch.files).map(({ path }) => path));
    };
    expect(await due()).toContain(path());
    await room.register(withPayload('b'));
    expect(await due()).not.toContain(path());
    await room.remove(ref, null);
    expect(await replicas()).toMatchObject([{ path: path(), state: 'Available' }]);
  });
});
