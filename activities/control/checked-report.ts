import type { AttemptReport } from '../../domain/bundle.js';
import { physicalPath } from '../../domain/lfn.js';
import type { AttemptOutput } from './attempt-outputs.js';

/** What a good report of an attempt must tell. */
export interface ExpectedReport {
  readonly outputs: readonly AttemptOutput[];
  readonly destinations: readonly string[];
  readonly epoch: string;
  /** The payload must tell its events. */
  readonly countEvents: boolean;
  /** Events that the job was to make, to read, or to join; null where nobody knows how many its inputs hold. */
  readonly wanted: number | null;
  /** It reads events, and may keep some of them only. */
  readonly selects: boolean;
}

/** A `done` report that does not stand up to what the catalog knows of the job becomes a failed check. */
export function checkedReport(report: AttemptReport, expected: ExpectedReport): AttemptReport {
  const fault = report.state === 'done' ? faultOf(report, expected) : null;
  return fault === null ? report : { ...report, state: 'failed', step: 'check', reason: fault };
}

function faultOf(report: AttemptReport, expected: ExpectedReport): string | null {
  for (const output of expected.outputs) {
    const staged = report.outputs.filter((one) => one.level === output.level);
    const path = physicalPath(expected.epoch, output.lfn);
    if (staged.length !== 1 || staged[0]?.path !== path) {
      return `output ${output.level} is not reported at ${path}`;
    }
    if (!expected.destinations.includes(staged[0].storage)) {
      return `output ${output.level} is on ${staged[0].storage}, where it was not to go`;
    }
    if (staged[0].size === 0) return `output ${output.level} is empty`;
  }
  if (report.outputs.length !== expected.outputs.length) return 'more outputs than were asked for';
  if (report.events === null && expected.countEvents) {
    return 'the payload did not report its events in fabrica-report.json';
  }
  if (report.events !== null && expected.wanted !== null && report.events !== expected.wanted) {
    return `the payload reports ${report.events} events, ${expected.wanted} were asked for`;
  }
  for (const { events, level } of report.outputs) {
    if (events === undefined) continue;
    const most = report.events ?? expected.wanted ?? events;
    if (expected.selects ? events > most : events !== most) {
      return `the payload reports ${events} events in its output ${level}, of ${most}`;
    }
  }
  return null;
}
