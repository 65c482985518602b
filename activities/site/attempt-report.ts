import {
  bareReport,
  type AttemptKey,
  type AttemptReport,
  type FailureStep,
  type OutputReport,
} from '../../domain/bundle.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { CeStatus, ComputeElement } from '../../grid/compute/compute-element.js';
import {
  parsePayloadReport,
  parseWrapperReport,
  type WrapperReport,
} from '../../grid/compute/wrapper.js';
import type { StorageElements } from '../../grid/storage/storage-element.js';
import { logText, printable } from '../log-text.js';

/** Bytes of a failed job's log that go into the catalog. */
const LOG_TAIL = 4096;
/** Reasons are a line or two. */
const REASON_LENGTH = 500;

/** The report of an attempt that has ended, from what its computing element has. */
export async function attemptReport(
  key: AttemptKey,
  status: CeStatus,
  compute: ComputeElement,
  storages: StorageElements,
): Promise<AttemptReport> {
  if (status.state === 'withdrawn') return withdrawnReport(key, status);
  if (status.report === null) {
    return {
      ...bare(key, status),
      state: 'lost',
      step: 'vanished',
      reason:
        status.state === 'unknown'
          ? 'the computing element does not know the job'
          : 'the job ended without a report: its wrapper was killed',
      logTail: await tail(compute, status.name),
    };
  }
  let report: WrapperReport;
  try {
    report = parseWrapperReport(status.report);
  } catch (error) {
    return failure(key, status, 'wrapper', messageOf(error), await tail(compute, status.name));
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
  if (report.outcome !== 'done') {
    return {
      ...measured,
      state: 'failed',
      step: report.step === 'none' ? 'wrapper' : report.step,
      reason: printable(report.reason).slice(0, REASON_LENGTH),
      logTail: await tail(compute, status.name),
    };
  }
  const told =
    status.payloadReport === null
      ? { events: null, problem: '' }
      : parsePayloadReport(status.payloadReport);
  try {
    if (told.problem !== '') throw new FabricaError('FABRICA_REPORT_MALFORMED', told.problem);
    const outputs = await Promise.all(
      report.outputs.map(async (output) => {
        const events = told.written?.[output.level];
        const staged = await stagedOutput(output, storages);
        return events === undefined ? staged : { ...staged, events };
      }),
    );
    return { ...measured, state: 'done', events: told.events, outputs };
  } catch (error) {
    const step: FailureStep = told.problem === '' ? 'stage-out' : 'check';
    return {
      ...measured,
      state: 'failed',
      step,
      reason: printable(messageOf(error)).slice(0, REASON_LENGTH),
      logTail: await tail(compute, status.name),
    };
  }
}

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

/**
 * What the storage itself says of a staged output: the wrapper told how many bytes it has copied; size and adler32 are those
 * of the copy, as the storage reads it.
 */
async function stagedOutput(
  output: WrapperReport['outputs'][number],
  storages: StorageElements,
): Promise<OutputReport> {
  const storage = storages.get(output.storage);
  const path = storage.pathOf(output.url);
  if (path === null) {
    throw new FabricaError(
      'FABRICA_REPORT_MALFORMED',
      `The output ${output.level} is reported at ${output.url}, which is not on ${output.storage}.`,
    );
  }
  const stored = await storage.stat(path, { checksum: true });
  if (stored?.adler32 === undefined || stored.size !== output.size) {
    throw new FabricaError(
      'FABRICA_STORAGE_CHECKSUM',
      `${path} on ${output.storage} is ${stored === null ? 'missing' : `${stored.size} bytes`} after stage-out of ${output.size} bytes.`,
    );
  }
  return {
    level: output.level,
    storage: output.storage,
    path,
    size: stored.size,
    adler32: stored.adler32,
  };
}

async function tail(compute: ComputeElement, name: string): Promise<string> {
  try {
    const log = await compute.readLog(name, { head: 0, tail: LOG_TAIL });
    return log === null ? '' : logText(log.tail, log.size, 'tail').text;
  } catch (error) {
    return `(the log can not be read: ${printable(messageOf(error))})`;
  }
}
