import type { RE2JS } from 're2js';
import type { AttemptReport } from '../domain/bundle.js';
import { compilePattern, type DiagnosisRule } from '../domain/diagnosis-rule.js';
import type { FailureClass } from '../domain/failure-class.js';
import { DIAGNOSIS_RULES } from './diagnosis-rules.js';

/** What a failed attempt is, and why. */
export interface Diagnosis {
  readonly class: FailureClass;
  /** The rule that gave it: `id`, or `definition:id`, `configuration:id` for rules that people have added. */
  readonly rule: string;
  /** The rule is about one site alone. */
  readonly siteRule: boolean;
  /** What the rule has found: the line with its pattern, or the exit code; empty if the step alone told. */
  readonly found: string;
  /** Passive rules that would have judged otherwise, or the same, the narrowest first. */
  readonly passive: readonly { readonly rule: string; readonly class: FailureClass }[];
}

/** What is judged: a report that is not `done`, and where it comes from. */
export interface DiagnosisCase extends Pick<
  AttemptReport,
  'step' | 'exitCode' | 'reason' | 'logTail'
> {
  readonly site: string;
  readonly release: string;
}

interface ReadyRule {
  readonly name: string;
  readonly rule: DiagnosisRule;
  readonly pattern: RE2JS | null;
}

/** Characters of the line that a pattern was found in. */
const FOUND = 200;

/**
 * Rules in the order in which they are asked. The narrowest that fits wins: a site counts more than a release, that more than a pattern,
 * that more than an exit code, and each more than everything below it. Among equally narrow ones those of the definition come before those of
 * the configuration, and the built-in ones last; then the order in which they stand.
 */
export class Diagnostician {
  readonly #rules: readonly ReadyRule[];

  constructor(
    added: {
      readonly definition?: readonly DiagnosisRule[];
      readonly configuration?: readonly DiagnosisRule[];
    } = {},
  ) {
    const ready = (prefix: string) => (rule: DiagnosisRule) => ({
      name: `${prefix}${rule.id}`,
      rule,
      pattern: rule.pattern === undefined ? null : compilePattern(rule.pattern),
    });
    const all = [
      ...(added.definition ?? []).map(ready('definition:')),
      ...(added.configuration ?? []).map(ready('configuration:')),
      ...BUILT_IN,
    ];
    this.#rules = all.sort((a, b) => narrowness(b.rule) - narrowness(a.rule));
  }

  /** Judges a failure; every one gets a class. */
  diagnose(failure: DiagnosisCase): Diagnosis {
    const text = `${failure.reason}\n${failure.logTail}`;
    const passive: { rule: string; class: FailureClass }[] = [];
    for (const { name, rule, pattern } of this.#rules) {
      const found = fits(rule, failure) ? trace(rule, pattern, failure, text) : null;
      if (found === null) continue;
      if (rule.active) {
        const siteRule = rule.site !== undefined;
        return { class: rule.class, rule: name, siteRule, found, passive };
      }
      passive.push({ rule: name, class: rule.class });
    }
    return { class: 'node', rule: 'unexplained', siteRule: false, found: '', passive };
  }
}

const BUILT_IN: readonly ReadyRule[] = DIAGNOSIS_RULES.map((rule) => ({
  name: rule.id,
  rule,
  pattern: rule.pattern === undefined ? null : compilePattern(rule.pattern),
}));

function narrowness({ site, release, pattern, exitCodes }: DiagnosisRule): number {
  const given = [site, release, pattern, exitCodes];
  return given.reduce((sum, one) => 2 * sum + (one === undefined ? 0 : 1), 0);
}

function fits(rule: DiagnosisRule, failure: DiagnosisCase): boolean {
  return (
    (rule.step === undefined || rule.step === failure.step) &&
    (rule.site === undefined || rule.site === failure.site) &&
    (rule.release === undefined || rule.release === failure.release) &&
    (rule.exitCodes === undefined ||
      (failure.exitCode !== null && rule.exitCodes.includes(failure.exitCode)))
  );
}

/** What the rule has found in the failure; null if its pattern is not there. */
function trace(
  rule: DiagnosisRule,
  pattern: RE2JS | null,
  { exitCode }: DiagnosisCase,
  text: string,
): string | null {
  if (pattern === null) return rule.exitCodes === undefined ? '' : `exit code ${exitCode ?? '-'}`;
  const matcher = pattern.matcher(text);
  if (!matcher.find()) return null;
  const from = text.lastIndexOf('\n', Math.max(0, matcher.start() - 1)) + 1;
  const end = text.indexOf('\n', matcher.start());
  const line = text.slice(from, end === -1 ? undefined : end);
  const at = matcher.start() - from;
  const begin = Math.max(0, Math.min(at - FOUND / 4, line.length - FOUND));
  return line.slice(begin, begin + FOUND).trim();
}
