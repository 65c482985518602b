import type { FailureStep } from '../../domain/bundle.js';
import { FAILURE_STEPS } from '../../domain/bundle.js';
import { FabricaError, messageOf } from '../../domain/errors.js';

export const WRAPPER_OUTCOMES = ['done', 'failed', 'killed'] as const;
export type WrapperOutcome = (typeof WRAPPER_OUTCOMES)[number];

/** An output that is staged out. `index` is its place in `WrapperSpec.outputs`; size in bytes. */
export interface WrapperOutputReport {
  readonly index: number;
  readonly level: string;
  readonly storage: string;
  readonly size: number;
  readonly url: string;
}

/** What a wrapper tells of its job. Times in ms since 1970, durations in s, memory in MB (10^6 bytes); null: not known. */
export interface WrapperReport {
  readonly outcome: WrapperOutcome;
  readonly step: FailureStep;
  /** Of the payload, as a shell tells it: 128 + n for signal n; null if it never ran. */
  readonly exitCode: number | null;
  /** One line of printable characters, at most 500 bytes; empty if done. */
  readonly reason: string;
  readonly node: string;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Of the payload alone. */
  readonly wallSeconds: number | null;
  /** Of the payload and all of its descendants that it has waited for. */
  readonly cpuSeconds: number | null;
  /** The highest sum of resident memory that was seen; null if the payload ended before the first look at 0.1 s. */
  readonly memoryMB: number | null;
  readonly outputs: readonly WrapperOutputReport[];
}

const VERSION = '1';

/** A report that is longer has not been written by the wrapper (bytes). */
export const LONGEST_REPORT = 256 * 1024;

function malformed(what: string): FabricaError {
  return new FabricaError('FABRICA_REPORT_MALFORMED', `The report of a job wrapper ${what}.`);
}

/** A decimal number, or null for `-`. */
function numberOf(key: string, text: string): number | null {
  if (text === '-') return null;
  if (!/^\d{1,15}(\.\d{1,9})?$/.test(text)) throw malformed(`has "${text}" as ${key}`);
  return Number(text);
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1000);
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}

function outputOf(text: string): WrapperOutputReport {
  const found = /^(\d{1,4}) (\S+) (\S+) (\d{1,15}) (\S.*)$/.exec(text);
  if (found === null) throw malformed(`has the output "${text.slice(0, 200)}"`);
  const [, index = '', level = '', storage = '', size = '', url = ''] = found;
  return { index: Number(index), level, storage, size: Number(size), url };
}

const isOutcome = (text: string): text is WrapperOutcome =>
  (WRAPPER_OUTCOMES as readonly string[]).includes(text);
const isStep = (text: string): text is FailureStep =>
  (FAILURE_STEPS as readonly string[]).includes(text);

/** Reads a wrapper's `report`, whose last line is `end`. Unknown keys are left aside. Throws `FABRICA_REPORT_MALFORMED`. */
export function parseWrapperReport(text: string): WrapperReport {
  if (text.length > LONGEST_REPORT) throw malformed(`is ${text.length} characters long`);
  if (!text.endsWith('\nend\n')) throw malformed('is cut off');
  const fields = new Map<string, string>();
  const outputs: WrapperOutputReport[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const space = line.indexOf(' ');
    const key = space === -1 ? line : line.slice(0, space);
    const value = space === -1 ? '' : line.slice(space + 1);
    if (key === 'output') outputs.push(outputOf(value));
    else if (fields.has(key)) throw malformed(`has two lines "${key}"`);
    else fields.set(key, value);
  }
  const field = (key: string): string => {
    const value = fields.get(key);
    if (value === undefined) throw malformed(`has no line "${key}"`);
    return value;
  };
  const number = (key: string): number | null => numberOf(key, field(key));

  if (field('version') !== VERSION) throw malformed(`has the version "${field('version')}"`);
  const outcome = field('outcome');
  if (!isOutcome(outcome)) throw malformed(`has the outcome "${outcome}"`);
  const step = field('step');
  if (!isStep(step)) throw malformed(`has the step "${step}"`);
  return {
    outcome,
    step,
    exitCode: number('exit'),
    reason: field('reason'),
    node: field('node'),
    startedAt: milliseconds(number('started')),
    endedAt: milliseconds(number('ended')),
    wallSeconds: number('wall'),
    cpuSeconds: number('cpu'),
    memoryMB: scaled(number('memoryKB'), 0.001),
    outputs,
  };
}

/** True if a report tells of nothing but a signal from outside: who has sent it, and why, no wrapper can know. */
export function tellsOfSignalOnly({
  exitCode,
  step,
}: Pick<WrapperReport, 'exitCode' | 'step'>): boolean {
  // A batch system sends it to all processes at once, and the payload may be gone before the wrapper has its own.
  return step === 'killed' || (step === 'payload' && (exitCode === 137 || exitCode === 143));
}

/**
 * What a payload tells of itself. `problem` is empty if the file could be used; `events` null if it does not tell them. `written`: events in
 * outputs by data level, left out where it tells none.
 */
export interface PayloadReport {
  readonly events: number | null;
  readonly written?: Readonly<Record<string, number>>;
  readonly problem: string;
}

/** More events than this in one job are no number of events. */
const MOST_EVENTS = 1e12;

/** Reads `fabrica-report.json`. Payloads are written by many people: whatever it holds, this never throws. */
export function parsePayloadReport(text: string): PayloadReport {
  const refused = (problem: string): PayloadReport => ({
    events: null,
    problem: `fabrica-report.json ${problem}`,
  });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    return refused(`is no JSON: ${messageOf(error).slice(0, 200)}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    return refused('is no JSON object');
  }
  const events: unknown = 'events' in content ? content.events : null;
  const problem = 'events' in content ? countProblem('"events"', events) : '';
  if (problem !== '') return refused(problem);
  const written: unknown = 'written' in content ? content.written : {};
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    return refused('has "written" that is no object of events by data level');
  }
  const counts = Object.entries(written) as [string, unknown][];
  if (counts.length > MOST_LEVELS) return refused(`has ${counts.length} data levels in "written"`);
  for (const [level, count] of counts) {
    const wrong = countProblem(
      `events "written" of level ${JSON.stringify(level.slice(0, 80))}`,
      count,
    );
    if (wrong !== '') return refused(wrong);
  }
  return {
    events: typeof events === 'number' ? events : null,
    ...(counts.length === 0
      ? {}
      : { written: Object.fromEntries(counts) as Record<string, number> }),
    problem: '',
  };
}

/** A job has fewer outputs. */
const MOST_LEVELS = 100;

/** Why a value is no number of events; empty if it is one. */
function countProblem(what: string, value: unknown): string {
  if (typeof value !== 'number') return `has ${what} that are no number`;
  return Number.isInteger(value) && value >= 0 && value <= MOST_EVENTS
    ? ''
    : `has ${value} ${what}; it must be a whole number from 0 to ${MOST_EVENTS}`;
}
