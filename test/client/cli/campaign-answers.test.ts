import { describe, expect, it } from 'vitest';
import { outcomesOf, requestPage } from '../../../client/cli/pages/campaign-answers.js';
import { look } from './look.js';
import { type ErrorCode, FabricaError } from '../../../domain/errors.js';

const asked = (code: ErrorCode) => ({
  production: code,
  answer: null,
  error: new FabricaError(code, 'Something is wrong.'),
  ...{ state: 'Held' as const, priority: 7 },
});

describe('what a request to a campaign has come to', () => {
  it('is a refusal only where the production has refused it', () => {
    const codes = ['FABRICA_COMMAND_REFUSED', 'FABRICA_WORKER_ABSENT', 'FABRICA_CATALOG_LOCKED'];
    const { counts, productions } = outcomesOf({
      asked: (codes as ErrorCode[]).map(asked),
      others: [],
    });
    expect(productions.map(({ outcome }) => outcome)).toEqual([
      'refused',
      'unanswered',
      'unanswered',
    ]);
    expect(counts).toMatchObject({ refused: 1, unanswered: 2, unasked: 0 });
    expect(productions[0]).toMatchObject({ state: 'Held', priority: 7 });
  });

  it('tells of those that it does not concern how they are, and why it does not', () => {
    const one = { name: 'skim', state: 'Active' as const, priority: 3, why: 'it reads files' };
    const outcomes = outcomesOf({ asked: [], others: [one, { ...one, name: 'other' }] });
    const { counts, productions } = outcomes;
    expect(productions[0]).toEqual({
      ...{ production: 'skim', outcome: 'unconcerned', state: 'Active', priority: 3 },
      ...{ reason: 'it reads files', error: null },
    });
    expect(counts).toMatchObject({ refused: 0, unconcerned: 2 });
    expect(requestPage('extend', 'MC16', outcomes, look)).toBe(
      'extend of MC16: 2 unconcerned.\n2 unconcerned: it reads files.',
    );
  });
});
