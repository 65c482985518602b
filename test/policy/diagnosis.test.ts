import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAILURE_STEPS, type FailureStep } from '../../domain/bundle.js';
import { FAILURE_CLASSES, type FailureClass } from '../../domain/failure-class.js';
import { diagnose, DIAGNOSIS_RULES } from '../../policy/diagnosis.js';

interface Example {
  readonly step: FailureStep;
  readonly class: FailureClass;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly logTail?: string;
}

/** One failure for each rule. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  'node-disk-full': {
    step: 'payload',
    exitCode: 1,
    logTail: 'write out.root: No space left on device',
    class: 'node',
  },
  'input-gone': {
    step: 'stage-in',
    reason: 'input-missing: no replica of /belle/a.root',
    class: 'input-missing',
  },
  'input-damaged': {
    step: 'stage-in',
    reason: 'input-corrupt: /belle/a.root has 3 bytes',
    class: 'input-corrupt',
  },
  'out-of-memory': {
    step: 'payload',
    exitCode: 134,
    logTail: "terminate called after throwing 'std::bad_alloc'",
    class: 'memory',
  },
  'program-missing': { step: 'payload', exitCode: 127, class: 'environment' },
  'payload-crashed': { step: 'payload', exitCode: 139, class: 'payload-crash' },
  'ended-by-node': { step: 'payload', exitCode: 137, class: 'node' },
  'payload-failed': { step: 'payload', exitCode: 3, class: 'payload-error' },
  'not-submitted': { step: 'submission', reason: 'no route to the CE', class: 'submission' },
  twin: { step: 'claim', class: 'control' },
  'stage-in': { step: 'stage-in', reason: 'could not copy', class: 'input-missing' },
  environment: { step: 'environment', exitCode: 1, class: 'environment' },
  'wall-limit': { step: 'wall-limit', exitCode: 143, class: 'wall-time' },
  'memory-limit': { step: 'memory-limit', exitCode: 137, class: 'memory' },
  'bad-output': { step: 'check', exitCode: 0, class: 'bad-output' },
  'stage-out': {
    step: 'stage-out',
    reason: 'No space left on device',
    exitCode: 0,
    class: 'stage-out',
  },
  'wrapper-failed': { step: 'wrapper', class: 'node' },
  vanished: { step: 'vanished', class: 'lost' },
  'ended-from-outside': { step: 'killed', exitCode: 143, class: 'node' },
  unexplained: { step: 'none', class: 'node' },
};

const report = (example: Omit<Example, 'class'>) => ({
  step: example.step,
  exitCode: example.exitCode ?? null,
  reason: example.reason ?? '',
  logTail: example.logTail ?? '',
});

describe('diagnose', () => {
  it.each(Object.entries(EXAMPLES))('finds rule %s by its example', (rule, example) => {
    expect(diagnose(report(example))).toEqual({ class: example.class, rule });
  });

  it('has an example here for each rule', () => {
    expect(Object.keys(EXAMPLES).sort()).toEqual(DIAGNOSIS_RULES.map((rule) => rule.id).sort());
  });

  it('lets a pattern win over an exit code, and an exit code over a step', () => {
    const text = report({ step: 'payload', exitCode: 139, logTail: 'MemoryError' });
    expect(diagnose(text).rule).toBe('out-of-memory');
    expect(diagnose({ ...text, logTail: '' }).rule).toBe('payload-crashed');
    expect(diagnose({ ...text, logTail: '', exitCode: 1 }).rule).toBe('payload-failed');
  });

  it('lets the earlier of two patterns win', () => {
    const both = report({ step: 'payload', exitCode: 1, logTail: 'ENOSPC, then MemoryError' });
    expect(diagnose(both).rule).toBe('node-disk-full');
  });

  it('looks for a stage-in word at the beginning of a line only', () => {
    const quoted = report({ step: 'stage-in', reason: 'the text "input-corrupt" was in a name' });
    expect(diagnose(quoted).rule).toBe('stage-in');
  });

  it('calls what it can not explain a fault of the node', () => {
    // A report from a newer site, with a step that this version does not know.
    const unknown = { ...report({ step: 'none' }), step: 'teleport' as FailureStep };
    expect(diagnose(unknown)).toEqual({ class: 'node', rule: 'unexplained' });
  });

  it('gives every report a class of the list and the same one each time', () => {
    const reports = fc.record({
      step: fc.constantFrom(...FAILURE_STEPS),
      exitCode: fc.option(fc.integer({ min: -1, max: 300 })),
      reason: fc.string(),
      logTail: fc.string(),
    });
    fc.assert(
      fc.property(reports, (one) => {
        const verdict = diagnose(one);
        expect(FAILURE_CLASSES).toContain(verdict.class);
        expect(diagnose(one)).toEqual(verdict);
        expect(DIAGNOSIS_RULES.find((rule) => rule.id === verdict.rule)?.step).toBe(one.step);
      }),
    );
  });
});
