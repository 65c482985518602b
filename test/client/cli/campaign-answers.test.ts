import { describe, expect, it } from 'vitest';
import { outcomesOf } from '../../../client/cli/pages/campaign-answers.js';
import { type ErrorCode, FabricaError } from '../../../domain/errors.js';

const asked = (code: ErrorCode) => ({
  production: code,
  answer: null,
  error: new FabricaError(code, 'Something is wrong.'),
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
  });
});
