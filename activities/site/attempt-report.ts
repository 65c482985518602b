import {
  bareReport,
  type AttemptKey,
  type AttemptReport,
  type FailureStep,
} from '../../domain/bundle.js';
import { messageOf } from '../../domain/errors.js';
import type { CeStatus, ComputeElement } from '../../grid/compute/compute-element.js';
import {
  parsePayloadReport,
  parseWrapperReport,
  tellsOfSignalOnly,
  type PayloadReport,
  type WrapperOutputReport,
  type WrapperReport,
} from '../../grid/compute/wrapper-report.js';
import type { StorageElements } from '../../grid/storage/storage-element.js';
import { logText, printable } from '../log-text.js';
import { stagedOutput, storedOutputs, type StoredOutputs } from './staged-outputs.js';

/** Bytes of a failed job's log that go into the catalog. */
const LOG_TAIL = 4096;
/** Reasons are a line or two. */
const REASON_LENGTH = 500;

/** An attempt, and what its computing element says of it. */
export interface EndedAttempt {
  readonly key: AttemptKey;
  readonly status: CeStatus;
}

/** The reports of attempts that have ended, from what their computing element and the storages have of them; in the same order. */
export async function attemptReports(
  ended: readonly EndedAttempt[],
  compute: ComputeElement,
  storages: StorageElements,
): Promise<AttemptReport[]> {
  const told = ended.map(toldBy);
  const stored = await storedOutputs(
    told.flatMap(({ outputs }) => outputs),
    storages,
  );
  const reports = told.map((one) => withOutputs(one, stored));
  for (const [i, { key, status }] of ended.entries()) {
    const report = reports[i];
    if (report?.state !== 'failed' && report?.state !== 'lost') continue;
    reports[i] = { ...report, ...key, logTail: await tail(compute, status.name) };
  }
  return reports;
}

/** What an attempt tells of itself; of a good one, its outputs are still to be seen on the storages. */
interface Told {
  readonly report: AttemptReport;
  readonly outputs: readonly WrapperOutputReport[];
  /** Events in outputs by data level, where the payload tells them. */
  readonly written: Readonly<Record<string, number>>;
}

function toldBy({ key, status }: EndedAttempt): Told {
  const nothing = (report: AttemptReport): Told => ({ report, outputs: [], written: {} });
  if (status.state === 'withdrawn') return nothing(withdrawnReport(key, status));
  const { symptom } = status;
  if (status.report === null) return nothing(lostReport(key, status));
  let report: WrapperReport;
  try {
    report = typeof status.report === 'string' ? parseWrapperReport(status.report) : status.report;
  } catch (error) {
    return nothing(failure(key, status, 'wrapper', messageOf(error)));
  }
  const measured = {
    ...bare(key, status),
    exitCode: report.exitCode,
    node: report.node,
    startedAt: report.startedAt ?? status.startedAt,
    endedAt: report.endedAt ?? status.endedAt,
    wallSeconds: report.wallSeconds,
    cpuSeconds: report.cpuSeconds,
    memoryMB: report.memoryMB,
  };
  if (symptom !== undefined && tellsOfSignalOnly(report)) {
    return nothing(failed(measured, symptom.step, symptom.reason));
  }
  if (report.outcome !== 'done') {
    const step = report.step === 'none' ? 'wrapper' : report.step;
    return nothing(failed(measured, step, report.reason));
  }
  const { payloadReport } = status;
  const payload =
    typeof payloadReport === 'string'
      ? parsePayloadReport(payloadReport)
      : (payloadReport ?? NO_WORD);
  if (payload.problem !== '') return nothing(failed(measured, 'check', payload.problem));
  return {
    report: { ...measured, state: 'done', events: payload.events },
    outputs: report.outputs,
    written: payload.written ?? {},
  };
}

/** Of a payload that has left no report. */
const NO_WORD: PayloadReport = { events: null, problem: '' };

function lostReport(key: AttemptKey, status: CeStatus): AttemptReport {
  const { symptom } = status;
  if (symptom !== undefined && symptom.step !== 'vanished') {
    return failed(
      { ...bare(key, status), exitCode: symptom.exitCode },
      symptom.step,
      symptom.reason,
    );
  }
  return {
    ...bare(key, status),
    state: 'lost',
    step: 'vanished',
    reason:
      status.state === 'unknown'
        ? 'the computing element does not know the job'
        : (symptom?.reason ?? 'the job ended without a report: its wrapper was killed'),
  };
}

/** The report of a good attempt with its outputs as the storages have them; a failure if one is not there as it was told. */
function withOutputs({ report, outputs, written }: Told, stored: StoredOutputs): AttemptReport {
  if (outputs.length === 0) return report;
  try {
    return {
      ...report,
      outputs: outputs.map((output) => {
        const events = written[output.level];
        const staged = stagedOutput(output, stored);
        return events === undefined ? staged : { ...staged, events };
      }),
    };
  } catch (error) {
    return failed({ ...report, events: null }, 'stage-out', messageOf(error));
  }
}

const failed = (report: AttemptReport, step: FailureStep, reason: string): AttemptReport => ({
  ...report,
  state: 'failed',
  step,
  reason: printable(reason).slice(0, REASON_LENGTH),
});

/** The report of an attempt that did not come to run, or of which nothing is known. */
export function failure(
  key: AttemptKey,
  status: Pick<CeStatus, 'ceId' | 'startedAt' | 'endedAt'>,
  step: FailureStep,
  reason: string,
  logTail = '',
): AttemptReport {
  return {
    ...bare(key, status),
    state: 'failed',
    step,
    reason: printable(reason).slice(0, REASON_LENGTH),
    logTail,
  };
}

/** The report of an attempt that has not started, and never will. */
export function withdrawnReport(
  key: AttemptKey,
  status: Pick<CeStatus, 'ceId' | 'startedAt' | 'endedAt'>,
): AttemptReport {
  return { ...bare(key, status), state: 'withdrawn', reason: 'withdrawn before it started' };
}

/** The report of an attempt that runs. */
export function runningReport(key: AttemptKey, status: CeStatus): AttemptReport {
  return bare(key, status);
}

function bare(
  key: AttemptKey,
  { ceId, startedAt, endedAt }: Pick<CeStatus, 'ceId' | 'startedAt' | 'endedAt'>,
): AttemptReport {
  return { ...bareReport(key), ceId, startedAt, endedAt };
}

async function tail(compute: ComputeElement, name: string): Promise<string> {
  try {
    const log = await compute.readLog(name, { head: 0, tail: LOG_TAIL });
    return log === null ? '' : logText(log.tail, log.size, 'tail').text;
  } catch (error) {
    return `(the log can not be read: ${printable(messageOf(error))})`;
  }
}
