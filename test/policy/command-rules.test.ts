import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND_KINDS } from '../../domain/command.js';
import { PRODUCTION_STATES, type ProductionState } from '../../domain/states/production.js';
import { commandAllowed, type CommandCase } from '../../policy/command-rules.js';

const mumu = (state: ProductionState, more: Partial<CommandCase> = {}): CommandCase => ({
  ...{ name: 'mumu', state, resumeState: null, finish: null },
  ...more,
});

describe('whether a production takes a command', () => {
  it.each([
    ['pause', 'Active', 'yes'],
    ['pause', 'Held', 'yes'],
    ['pause', 'Stopped', 'already'],
    ['pause', 'Completed', 'no'],
    ['resume', 'Stopped', 'yes'],
    ['resume', 'Held', 'no'],
    ['reprioritize', 'Completing', 'yes'],
    ['reprioritize', 'Completed', 'no'],
    ['extend', 'Completed', 'yes'],
    ['extend', 'Cancelled', 'no'],
    ['finish', 'Active', 'yes'],
    ['finish', 'Scouting', 'no'],
    ['amend', 'Scouting', 'yes'],
    ['amend', 'Completed', 'no'],
    ['comment', 'Archived', 'yes'],
    ['cancel', 'Cancelling', 'already'],
    ['cancel', 'Completed', 'no'],
    ['clean', 'Completed', 'yes'],
    ['clean', 'Active', 'no'],
    ['rescout', 'Rejected', 'yes'],
    ['rescout', 'Active', 'no'],
  ] as const)('%s while it is %s: %s', (kind, state, allowed) => {
    expect(commandAllowed(kind, mumu(state)).allowed).toBe(allowed);
  });

  it.each([
    ['finish', { resumeState: 'Scouting' }],
    ['kill', { resumeState: 'Scouting' }],
    ['reprocess', { resumeState: 'New' }],
    ['extend', { finish: 'draining' }],
    ['reprocess', { finish: 'draining' }],
  ] as const)('no %s of a paused one with %j', (kind, more) => {
    expect(commandAllowed(kind, mumu('Stopped', more))).toMatchObject({ allowed: 'no' });
  });

  it('is decided in every state, and each refusal has a reason that names the state or what to do', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...COMMAND_KINDS),
        fc.constantFrom(...PRODUCTION_STATES),
        fc.option(fc.constantFrom(...PRODUCTION_STATES)),
        fc.constantFrom(null, 'draining' as const, 'closed' as const),
        (kind, state, resumeState, finish) => {
          const verdict = commandAllowed(kind, mumu(state, { resumeState, finish }));
          if (verdict.allowed === 'no') expect(verdict.why).toMatch(/[a-z]{3}/);
          if (kind === 'comment') expect(verdict.allowed).toBe('yes');
        },
      ),
    );
  });
});
