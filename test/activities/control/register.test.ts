import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlRoom, definition, failing } from './control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(() => room.close());

const request = (input: ReturnType<typeof definition>) => ({
  definition: input,
  workflowId: `production/${input.name}`,
  by: 'tester',
});

describe('register', () => {
  it('makes one production of the same definition twice, whatever the order of its fields', async () => {
    await room.register();
    const before = await room.dump();
    room.clock.pass(10);
    const turned = Object.fromEntries(Object.entries(definition()).reverse());
    const again = await room.do.register({ ...request(definition()), definition: turned });
    expect(again).toMatchObject({ production: 'mumu', state: 'New', campaign: 'MC16' });
    expect(await room.dump()).toEqual(before);
  });

  it('makes one production of two registrations at the same time', async () => {
    await Promise.all([1, 2, 3].map(() => room.do.register(request(definition()))));
    expect((await room.dump())['productions']).toHaveLength(1);
  });

  it('refuses another definition of the same name, shows the difference, and changes nothing', async () => {
    await room.register();
    const before = await room.dump();
    const other = request(definition({ events: 70, priority: 9 }));
    for (const attempt of [room.do.validateDefinition(other), room.do.register(other)]) {
      await expect(attempt).rejects.toMatchObject({
        type: 'FABRICA_DEFINITION_CONFLICT',
        nonRetryable: true,
        message: expect.stringMatching(/events: 60 -> 70\n +priority: 5 -> 9/) as string,
      });
    }
    expect(await room.dump()).toEqual(before);
  });

  it('takes the file that was submitted for the same production, and takes back nothing that commands have made of it', async () => {
    const ref = await room.register();
    const extended = { kind: 'extend', select: { total: 70 } } as const;
    const amended = { kind: 'amend', select: { set: { tolerance: 0.2 } } } as const;
    for (const one of [extended, amended]) {
      const command = { ...one, who: 'ann@host', why: '' };
      expect(await room.do.command({ ...ref, command })).toMatchObject({ outcome: 'done' });
    }
    const before = await room.dump();
    for (const events of [60, 70]) await room.do.register(request(definition({ events })));
    expect(await room.dump()).toEqual(before);
    await expect(room.do.register(request(definition({ events: 80 })))).rejects.toMatchObject({
      type: 'FABRICA_DEFINITION_CONFLICT',
      details: [{ remedy: expect.stringContaining('(`events: 70`)') as string }],
    });
  });

  it('takes what is true now for the same production, with the priority that a person has given it', async () => {
    const ref = await room.register(definition({ priority: 5 }));
    const command = { kind: 'reprioritize', value: 7, who: 'ann@host', why: '' } as const;
    expect(await room.do.command({ ...ref, command })).toMatchObject({ outcome: 'done' });
    const before = await room.dump();
    for (const priority of [5, 7]) {
      expect(await room.do.validateDefinition(request(definition({ priority })))).toMatchObject({
        registered: true,
      });
      await room.do.register(request(definition({ priority })));
    }
    expect(await room.dump()).toEqual(before);
    await expect(room.do.register(request(definition({ priority: 8 })))).rejects.toMatchObject({
      type: 'FABRICA_DEFINITION_CONFLICT',
      message: expect.stringContaining('priority: 7 -> 8') as string,
      details: [{ remedy: expect.stringContaining('(`priority: 7`)') as string }],
    });
  });

  it('compares with the last definition that was submitted, not with one that was rejected', async () => {
    await room.register();
    await room.change(`update productions set state = 'Rejected'`);
    await room.do.register(request(definition({ events: 70 })));
    await expect(room.do.register(request(definition()))).rejects.toMatchObject({
      type: 'FABRICA_DEFINITION_CONFLICT',
    });
  });

  it.each([
    [
      'Active',
      'Write what is registered (`events: 60`), or change that with `fabrica extend mumu` (events). Give',
    ],
    [
      'Stopped',
      'Write what is registered (`events: 60`), or change that with `fabrica extend mumu` (events). Give',
    ],
    ['Completed', 'or change that with `fabrica extend mumu` (events). Give'],
    ['Cancelled', 'Give the definition another name: mumu has ended'],
  ])('tells what to do about a conflict with a production that is %s', async (state, remedy) => {
    await room.register();
    await room.change(`update productions set state = '${state}'`);
    await expect(room.do.register(request(definition({ events: 70 })))).rejects.toMatchObject({
      type: 'FABRICA_DEFINITION_CONFLICT',
      message: expect.stringContaining(`(${state}) with another definition`) as string,
      details: [{ remedy: expect.stringContaining(remedy) as string }],
    });
  });

  it.each<[string, Parameters<typeof definition>[0], RegExp]>([
    [
      'an unknown site',
      { sites: ['KMI', 'CERN'] },
      /sites\[1\]: no site is named CERN; there are KMI/,
    ],
    [
      'an unknown area',
      { distribution: { areas: ['europe'] } },
      /distribution.areas\[0\]: no storage is in an area europe; there are/,
    ],
    [
      'more copies than storages',
      { distribution: { copies: 3, areas: ['asia'] } },
      /distribution.copies: 3 copies need as many final storages in asia, and there are 2/,
    ],
    [
      'a payload that was never uploaded',
      { fabrication: { payload: ['gen.py'] } },
      /fabrication.payload\[0\]: gen.py is a path on the machine/,
    ],
  ])('refuses %s, and registers nothing', async (_, more, message) => {
    const before = await room.dump();
    await expect(room.do.register(request(definition(more)))).rejects.toMatchObject({
      type: 'FABRICA_DEFINITION_INVALID',
      nonRetryable: true,
      message: expect.stringMatching(message) as string,
    });
    expect(await room.dump()).toEqual(before);
  });

  it.each([[{}], [{ production: '' }]])('says what an input of %j lacks', async (input) => {
    const empty = { ...input, workflowId: 'production/mumu', by: 'tester' };
    for (const attempt of [room.do.validateDefinition(empty), room.do.register(empty)]) {
      await expect(attempt).rejects.toMatchObject({
        type: 'FABRICA_DEFINITION_INVALID',
        nonRetryable: true,
        message:
          'The input of production/mumu has neither a definition nor the name of a production. Give {"definition": {...}} to make one (`fabrica schema definition` prints its fields), or {"production": "NAME"} of one that is registered.',
      });
    }
  });

  it('refuses a workflow of another name', async () => {
    const wrong = { ...request(definition()), workflowId: 'production/other' };
    await expect(room.do.validateDefinition(wrong)).rejects.toMatchObject({
      type: 'FABRICA_DEFINITION_INVALID',
    });
  });

  it('takes another definition as a revision once the first is rejected, in its own campaign', async () => {
    const ref = await room.register();
    const { state, step } = await room.scout(ref, failing());
    expect({ state, step }).toEqual({
      state: 'Rejected',
      step: { do: 'end', scope: 'everything' },
    });
    await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
    await room.remove(ref, null);
    await room.do.recordEnd(ref);
    expect((await room.step(ref)).step).toEqual({ do: 'finish' });
    expect(await room.register()).toEqual(ref);
    expect((await room.step(ref)).state).toBe('Rejected');

    const changed = definition({ events: 40, priority: 7, dataset: { campaign: 'MC17' } });
    await room.register(changed);
    expect(await room.rows('select revision, events, priority, campaign from productions')).toEqual(
      [{ revision: 2, events: 40, priority: 7, campaign: 'MC17' }],
    );
    expect((await room.scout(ref)).state).toBe('Active');
    await room.complete(ref);
    const scouts = await room.rows(
      `select number, seed, first_event, state from jobs where kind = 'scout' order by number`,
    );
    expect(scouts).toEqual([
      { number: 1, seed: 1, first_event: 1, state: 'Cancelled' },
      { number: 2, seed: 2, first_event: 11, state: 'Cancelled' },
      { number: 3, seed: 1, first_event: 1, state: 'Done' },
      { number: 4, seed: 2, first_event: 11, state: 'Done' },
    ]);
    expect(await room.rows('select name, next_seed from campaigns order by name')).toEqual([
      { name: 'MC16', next_seed: 3 },
      { name: 'MC17', next_seed: 5 },
    ]);
  });

  it('takes a revision that wants no scouts any more', async () => {
    const ref = await room.register();
    await room.scout(ref, failing());
    await room.do.condemnProduction({ ...ref, scope: 'everything', after: -1 });
    await room.do.recordEnd(ref);
    await room.register(definition({ scouts: { jobs: 0 } }));
    expect(await room.step(ref)).toMatchObject({ state: 'Active', step: { do: 'run' } });
  });
});
