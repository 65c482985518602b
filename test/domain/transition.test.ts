import { describe, expect, it } from 'vitest';
import { FabricaError } from '../../domain/errors.js';
import { ATTEMPT_TRANSITIONS } from '../../domain/states/attempt.js';
import { BLOCK_TRANSITIONS } from '../../domain/states/block.js';
import {
  FILE_TRANSITIONS,
  REPLICA_TRANSITIONS,
  TRANSFER_TRANSITIONS,
} from '../../domain/states/file.js';
import { JOB_TRANSITIONS } from '../../domain/states/job.js';
import { LIVE_PRODUCTION_STATES, PRODUCTION_TRANSITIONS } from '../../domain/states/production.js';
import { RESOURCE_TRANSITIONS } from '../../domain/states/resource.js';
import { assertTransition, mayBecome } from '../../domain/transition.js';

describe('assertTransition', () => {
  it('allows what the table lists, and to stay', () => {
    expect(() => assertTransition(JOB_TRANSITIONS, 'job 1', 'Waiting', 'Submitted')).not.toThrow();
    expect(mayBecome(JOB_TRANSITIONS, 'Split', 'Split')).toBe(true);
  });

  it('names the thing, both states and what is allowed', () => {
    const call = () => assertTransition(JOB_TRANSITIONS, 'job 12 of mumu', 'Parked', 'Done');
    expect(call).toThrow(FabricaError);
    expect(call).toThrow(
      'job 12 of mumu is Parked and can not become Done; allowed from Parked: Waiting',
    );
  });

  it('says so where nothing is allowed', () => {
    expect(() => assertTransition(JOB_TRANSITIONS, 'job 1', 'Split', 'Waiting')).toThrow('nothing');
  });
});

const TABLES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  attempt: ATTEMPT_TRANSITIONS,
  block: BLOCK_TRANSITIONS,
  file: FILE_TRANSITIONS,
  job: JOB_TRANSITIONS,
  production: PRODUCTION_TRANSITIONS,
  replica: REPLICA_TRANSITIONS,
  resource: RESOURCE_TRANSITIONS,
  transfer: TRANSFER_TRANSITIONS,
};

describe.each(Object.entries(TABLES))('the table of %s', (_, table) => {
  const states = Object.keys(table);

  it('lists no state twice and none as its own successor', () => {
    for (const [from, next] of Object.entries(table)) {
      expect(new Set(next).size).toBe(next.length);
      expect(next).not.toContain(from);
    }
  });

  it('leads from its first state to every other', () => {
    const reached = new Set(states.slice(0, 1));
    for (const from of reached) for (const to of table[from] ?? []) reached.add(to);
    expect([...reached].sort()).toEqual([...states].sort());
  });
});

describe('an ended attempt', () => {
  it('never changes again', () => {
    for (const state of ['Done', 'Failed', 'Lost', 'Cancelled'] as const) {
      expect(ATTEMPT_TRANSITIONS[state]).toEqual([]);
    }
  });
});

describe('every production', () => {
  it('that is live can be cancelled, except one that is being cleaned', () => {
    for (const state of LIVE_PRODUCTION_STATES) {
      if (state === 'Cleaning' || state === 'Cancelling') continue;
      expect(PRODUCTION_TRANSITIONS[state]).toContain('Cancelling');
    }
  });
});
