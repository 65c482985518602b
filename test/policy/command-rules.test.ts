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

  it('advises no command in a refusal that would be refused as well', () => {
    for (const kind of COMMAND_KINDS) {
      for (const state of PRODUCTION_STATES) {
        const production = mumu(state);
        const verdict = commandAllowed(kind, production);
        if (verdict.allowed !== 'no') continue;
        // What is advised for later says of itself when.
        const now = verdict.remedy.replace(/Wait .*|No job .*|Nothing .*|.* before .*/, '');
        for (const [, advised] of now.matchAll(/`fabrica (\w+) mumu`/g)) {
          const other = COMMAND_KINDS.find((one) => one === advised);
          if (other === undefined) continue;
          expect(commandAllowed(other, production).allowed, `${kind} in ${state}: ${now}`).toBe(
            'yes',
          );
        }
      }
    }
  });

  it.each([
    ['resume', 'Held', 'release'],
    ['resume', 'Completed', 'extend'],
    ['resume', 'Rejected', 'rescout'],
    ['pause', 'AwaitingApproval', 'before `fabrica resume mumu`'],
    ['cancel', 'Completed', 'clean'],
    ['clean', 'Active', 'cancel'],
    ['clean', 'Cancelling', 'Wait until it is Cancelled'],
    ['amend', 'Completed', 'extend'],
    ['extend', 'Cancelled', 'another name than mumu'],
    ['release', 'Stopped', 'resume'],
    ['kill', 'Scouting', 'cancel'],
    ['rescout', 'Completed', 'reprocess'],
    ['finish', 'Scouting', 'cancel'],
    ['finish', 'Rejected', 'rescout'],
    ['finish', 'Cancelled', 'another name than mumu'],
    ['amend', 'Completed', 'reprocess'],
  ] as const)('a refusal to %s one that is %s advises what fits: %s', (kind, state, words) => {
    const verdict = commandAllowed(kind, mumu(state));
    expect(verdict.allowed === 'no' ? verdict.remedy : '').toContain(words);
  });

  it.each([
    ['New', null, 'it has made nothing that could be finished', 'cancel'],
    ['Scouting', null, 'its scouts are not judged yet', 'watch'],
    ['AwaitingApproval', null, 'its scouts wait for approval', 'resume'],
    ['Stopped', 'Scouting', 'its scouts are not judged yet', 'resume'],
    ['Held', 'Scouting', 'its scouts are not judged yet', 'watch'],
  ] as const)(
    'a finish of one that is %s from %s is refused: %s',
    (state, resumeState, why, way) => {
      const verdict = commandAllowed('finish', mumu(state, { resumeState }));
      expect(verdict).toMatchObject({ allowed: 'no', why });
      expect(verdict.allowed === 'no' ? verdict.remedy : '').toContain(`fabrica ${way} mumu`);
    },
  );

  it('is decided in every state, and each refusal has a reason that names the state or what to do', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...COMMAND_KINDS),
        fc.constantFrom(...PRODUCTION_STATES),
        fc.option(fc.constantFrom(...PRODUCTION_STATES)),
        fc.constantFrom(null, 'draining' as const, 'closed' as const),
        (kind, state, resumeState, finish) => {
          const verdict = commandAllowed(kind, mumu(state, { resumeState, finish }));
          if (verdict.allowed === 'no') {
            expect(verdict.why).toMatch(/[a-z]{3}/);
            expect(verdict.remedy).toMatch(/^[A-Z`].*\.$/s);
          }
          if (kind === 'comment') expect(verdict.allowed).toBe('yes');
        },
      ),
    );
  });
});
