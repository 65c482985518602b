import type { AttemptReport, FailureStep } from '../domain/bundle.js';
import type { FailureClass } from '../domain/failure-class.js';

/**
 * Which class a failed attempt gets. Rules are data; the narrowest that fits wins: one with a pattern before one with an
 * exit code before one with a step alone, and earlier before later among equals.
 */
export interface DiagnosisRule {
  readonly id: string;
  readonly step: FailureStep;
  /** Exit codes of the payload that it is for; all if left out. */
  readonly exitCodes?: readonly number[];
  /** Searched in the reason and the log tail. */
  readonly pattern?: RegExp;
  readonly class: FailureClass;
}

/** 128 + signal: SIGILL 4, SIGABRT 6, SIGBUS 7, SIGFPE 8, SIGSEGV 11. */
const CRASH_EXITS = [132, 134, 135, 136, 139];

export const DIAGNOSIS_RULES: readonly DiagnosisRule[] = [
  {
    id: 'node-disk-full',
    step: 'payload',
    pattern: /No space left on device|ENOSPC/,
    class: 'node',
  },
  { id: 'input-gone', step: 'stage-in', pattern: /^input-missing/m, class: 'input-missing' },
  { id: 'input-damaged', step: 'stage-in', pattern: /^input-corrupt/m, class: 'input-corrupt' },
  {
    id: 'out-of-memory',
    step: 'payload',
    pattern: /std::bad_alloc|MemoryError|heap out of memory/,
    class: 'memory',
  },
  { id: 'program-missing', step: 'payload', exitCodes: [126, 127], class: 'environment' },
  { id: 'payload-crashed', step: 'payload', exitCodes: CRASH_EXITS, class: 'payload-crash' },
  // SIGTERM and SIGKILL that neither the payload nor Fabrica sent: the node or its batch system did.
  { id: 'ended-by-node', step: 'payload', exitCodes: [137, 143], class: 'node' },
  { id: 'payload-failed', step: 'payload', class: 'payload-error' },
  { id: 'not-submitted', step: 'submission', class: 'submission' },
  { id: 'twin', step: 'claim', class: 'control' },
  { id: 'stage-in', step: 'stage-in', class: 'input-missing' },
  { id: 'environment', step: 'environment', class: 'environment' },
  { id: 'wall-limit', step: 'wall-limit', class: 'wall-time' },
  { id: 'memory-limit', step: 'memory-limit', class: 'memory' },
  { id: 'bad-output', step: 'check', class: 'bad-output' },
  { id: 'stage-out', step: 'stage-out', class: 'stage-out' },
  { id: 'wrapper-failed', step: 'wrapper', class: 'node' },
  { id: 'vanished', step: 'vanished', class: 'lost' },
  { id: 'ended-from-outside', step: 'killed', class: 'node' },
  { id: 'unexplained', step: 'none', class: 'node' },
];

/** The class, and the rule that gave it. */
export interface Diagnosis {
  readonly class: FailureClass;
  readonly rule: string;
}

const narrowness = (rule: DiagnosisRule): number =>
  (rule.pattern === undefined ? 0 : 2) + (rule.exitCodes === undefined ? 0 : 1);

const NARROWEST_FIRST = [...DIAGNOSIS_RULES].sort((a, b) => narrowness(b) - narrowness(a));

/** Judges a report that is not `done`. */
export function diagnose(
  report: Pick<AttemptReport, 'step' | 'exitCode' | 'reason' | 'logTail'>,
): Diagnosis {
  const text = `${report.reason}\n${report.logTail}`;
  const rule = NARROWEST_FIRST.find(
    (candidate) =>
      candidate.step === report.step &&
      (candidate.exitCodes === undefined ||
        (report.exitCode !== null && candidate.exitCodes.includes(report.exitCode))) &&
      (candidate.pattern === undefined || candidate.pattern.test(text)),
  );
  return rule === undefined
    ? { class: 'node', rule: 'unexplained' }
    : { class: rule.class, rule: rule.id };
}
