import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAILURE_STEPS, type FailureStep } from '../../domain/bundle.js';
import type { DiagnosisRule } from '../../domain/diagnosis-rule.js';
import { FAILURE_CLASSES, type FailureClass } from '../../domain/failure-class.js';
import { DIAGNOSIS_RULES } from '../../policy/diagnosis-rules.js';
import { Diagnostician } from '../../policy/diagnosis.js';

interface Example {
  readonly step: FailureStep;
  readonly class: FailureClass;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly logTail?: string;
}

/** One failure for each rule. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  'disk-full': {
    step: 'payload',
    exitCode: 1,
    logTail: 'SysError in <TFile::WriteBuffer>: error writing to file (No space left on device)',
    class: 'node',
  },
  'software-unreachable': {
    step: 'payload',
    exitCode: 1,
    logTail: 'ls: cannot access /cvmfs/belle.cern.ch/el9: Transport endpoint is not connected',
    class: 'environment',
  },
  'library-missing': {
    step: 'payload',
    exitCode: 127,
    logTail:
      'basf2: error while loading shared libraries: libCore.so.6.26: cannot open shared object file: No such file or directory',
    class: 'environment',
  },
  'container-failed': {
    step: 'payload',
    exitCode: 255,
    logTail: 'FATAL:   container creation failed: mount /proc/self/fd/3: failed to mount squashfs',
    class: 'environment',
  },
  'disk-broken': {
    step: 'payload',
    exitCode: 1,
    logTail: 'cp: error writing out.root: Input/output error',
    class: 'node',
  },
  'node-exhausted': {
    step: 'payload',
    exitCode: 254,
    logTail: 'sh: fork: retry: Resource temporarily unavailable',
    class: 'node',
  },
  'name-service': {
    step: 'payload',
    exitCode: 6,
    logTail: 'curl: (6) Could not resolve host: conditions.example.org',
    class: 'node',
  },
  'cpu-limit-of-node': { step: 'payload', exitCode: 152, class: 'wall-time' },
  'file-too-large': { step: 'payload', exitCode: 153, class: 'disk-limit' },
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
  'disk-limit': { step: 'disk-limit', exitCode: 143, class: 'disk-limit' },
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
  site: 'KEK',
  release: 'release-08',
});

const builtIn = new Diagnostician();
const diagnose = (failure: Parameters<Diagnostician['diagnose']>[0]) => builtIn.diagnose(failure);

describe('diagnose', () => {
  it.each(Object.entries(EXAMPLES))('finds rule %s by its example', (rule, example) => {
    expect(diagnose(report(example))).toMatchObject({ class: example.class, rule, passive: [] });
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
    expect(diagnose(both).rule).toBe('disk-full');
  });

  it('looks for a stage-in word at the beginning of a line only', () => {
    const quoted = report({ step: 'stage-in', reason: 'the text "input-corrupt" was in a name' });
    expect(diagnose(quoted).rule).toBe('stage-in');
  });

  it('calls what it can not explain a fault of the node', () => {
    // A report from a newer site, with a step that this version does not know.
    const unknown = { ...report({ step: 'none' }), step: 'teleport' as FailureStep };
    expect(diagnose(unknown)).toMatchObject({ class: 'node', rule: 'unexplained' });
  });

  it('tells the line that a pattern was found in, and the exit code', () => {
    const log = ['first line', 'x'.repeat(300) + ' std::bad_alloc', 'last line'].join('\n');
    const { found } = diagnose(report({ step: 'payload', exitCode: 1, logTail: log }));
    expect(found).toMatch(/^x+ std::bad_alloc$/);
    expect(found.length).toBeLessThanOrEqual(200);
    expect(diagnose(report({ step: 'payload', exitCode: 127 })).found).toBe('exit code 127');
    expect(diagnose(report({ step: 'payload', exitCode: 3 })).found).toBe('');
  });

  it('gives every report a class of the list and the same one each time', () => {
    const reports = fc.record({
      step: fc.constantFrom(...FAILURE_STEPS),
      exitCode: fc.option(fc.integer({ min: -1, max: 300 })),
      reason: fc.string(),
      logTail: fc.string(),
      site: fc.string(),
      release: fc.string(),
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

describe('rules that people add', () => {
  const rule = (
    more: Partial<DiagnosisRule> & Pick<DiagnosisRule, 'id' | 'class'>,
  ): DiagnosisRule => ({ active: true, ...more });
  const failure = report({ step: 'payload', exitCode: 66, logTail: 'globaltag MC16 not found' });

  it('win over equally narrow ones that are built in, the definition before the configuration', () => {
    const definition = [rule({ id: 'a', exitCodes: [66], class: 'environment' })];
    const configuration = [rule({ id: 'b', exitCodes: [66], class: 'node' })];
    const judge = (rules: ConstructorParameters<typeof Diagnostician>[0]) =>
      new Diagnostician(rules).diagnose(failure).rule;
    expect(judge({ definition, configuration })).toBe('definition:a');
    expect(judge({ configuration })).toBe('configuration:b');
    expect(judge({ definition: [rule({ id: 'a', exitCodes: [127], class: 'node' })] })).toBe(
      'payload-failed',
    );
    expect(
      new Diagnostician({
        definition: [rule({ id: 'mine', exitCodes: [127], class: 'node' })],
      }).diagnose({ ...failure, exitCode: 127 }).rule,
    ).toBe('definition:mine');
  });

  it('count the narrower the more they ask: site, release, pattern, exit code', () => {
    const rules = [
      rule({ id: 'exit', exitCodes: [66], class: 'node' }),
      rule({ id: 'text', pattern: 'globaltag .* not found', class: 'node' }),
      rule({ id: 'text-and-exit', pattern: 'globaltag', exitCodes: [66], class: 'node' }),
      rule({ id: 'release', release: 'release-08', class: 'node' }),
      rule({ id: 'site', site: 'KEK', class: 'node' }),
    ];
    const order: string[] = [];
    for (let left = rules; left.length > 0;) {
      const { rule: name } = new Diagnostician({ definition: left }).diagnose(failure);
      order.push(name.replace('definition:', ''));
      left = left.filter(({ id }) => `definition:${id}` !== name);
    }
    expect(order).toEqual(['site', 'release', 'text-and-exit', 'text', 'exit']);
    expect(
      new Diagnostician({ definition: rules }).diagnose({
        ...failure,
        site: 'KIT',
        release: 'release-09',
      }).rule,
    ).toBe('definition:text-and-exit');
  });

  it('only tell what they would have judged while they are passive', () => {
    const definition = [rule({ id: 'try', exitCodes: [66], class: 'environment', active: false })];
    expect(new Diagnostician({ definition }).diagnose(failure)).toEqual({
      class: 'payload-error',
      rule: 'payload-failed',
      siteRule: false,
      found: '',
      passive: [{ rule: 'definition:try', class: 'environment' }],
    });
  });

  it('are known to be about one site', () => {
    const at = (site?: string) =>
      new Diagnostician({
        definition: [
          rule({ id: 'one', exitCodes: [66], class: 'environment', ...(site && { site }) }),
        ],
      }).diagnose(failure).siteRule;
    expect([at(), at(failure.site)]).toEqual([false, true]);
  });

  it('take bounded time, whatever their expression', () => {
    const definition = [
      rule({ id: 'evil', pattern: '(a+)+$', class: 'node' }),
      rule({ id: 'worse', pattern: '(a|aa)*b{1,50}(x*)*y', class: 'node' }),
    ];
    const judge = new Diagnostician({ definition });
    const began = performance.now();
    judge.diagnose({ ...failure, logTail: `${'a'.repeat(4096)}!` });
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
