import type { CeStatus, CeTask } from '../compute/compute-element.js';
import type { WrapperReport } from '../compute/wrapper-report.js';
import type { StorageElements } from '../storage/storage-element.js';
import { outputPath } from './conclusion.js';
import type { Ending } from './ending.js';
import type { Fate } from './fate.js';

/** A job that has ended; times in ms since 1970. */
export interface EndedJob {
  readonly name: string;
  readonly task: CeTask;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly ending: Ending;
  readonly fate: Fate;
}

/** What the wrapper and the payload of a job have written by its end, as it would be read; null: nothing. */
export type ToldAtEnd = Pick<CeStatus, 'report' | 'payloadReport'>;

export interface ReportContext {
  readonly site: string;
  readonly storages: StorageElements;
  /** Bytes of an output per event. */
  readonly bytesPerEvent: number;
}

const NOTHING_TOLD: ToldAtEnd = { report: null, payloadReport: null };

/** What is told of an ended job: it follows from its fate and from how it has ended, so that nobody has to remember it. */
export function toldAtEnd(job: EndedJob, context: ReportContext): ToldAtEnd {
  const { ending, fate, task } = job;
  switch (ending.how) {
    case 'done': {
      const { events } = task.job;
      const end = { outcome: 'done', step: 'none', exitCode: 0, reason: '' } as const;
      return {
        report: measured(job, end, outputsOf(task, ending.storages, context), context),
        // A bad output shows by its events.
        payloadReport: { events: fate.failure === 'bad-output' ? events - 1 : events, problem: '' },
      };
    }
    case 'failed': {
      const { exitCode, reason, step } = ending.symptom;
      const end = { outcome: 'failed', step, exitCode, reason } as const;
      return { report: measured(job, end, [], context), payloadReport: null };
    }
    case 'killed':
      return { report: killedReport(job.startedAt, ending.at), payloadReport: null };
    case 'lost':
    case 'withdrawn':
      return NOTHING_TOLD;
  }
}

/** The report of a job that has been measured to its end. */
function measured(
  { endedAt, fate, name, startedAt, task }: EndedJob,
  {
    exitCode,
    outcome,
    reason,
    step,
  }: Pick<WrapperReport, 'exitCode' | 'outcome' | 'reason' | 'step'>,
  outputs: WrapperReport['outputs'],
  { site }: ReportContext,
): WrapperReport {
  return {
    outcome,
    step,
    exitCode,
    reason,
    node: `${site.toLowerCase()}-${1 + (name.length % 9)}.example.org`,
    startedAt,
    endedAt,
    // To the digits that wrappers tell.
    wallSeconds: rounded(Math.min(fate.wallSeconds, task.bundle.recipe.wallSeconds)),
    cpuSeconds: rounded(fate.cpuSeconds),
    memoryMB: rounded(fate.memoryMB),
    outputs,
  };
}

function outputsOf(
  task: CeTask,
  taken: readonly string[],
  { bytesPerEvent, storages }: ReportContext,
): WrapperReport['outputs'] {
  const size = Math.max(1, Math.round(task.job.events * bytesPerEvent));
  return taken.map((storage, index) => ({
    index,
    level: task.bundle.recipe.outputs[index]?.level ?? '',
    storage,
    size,
    url: storages.get(storage).url(outputPath(task, index)),
  }));
}

function killedReport(startedAt: number, at: number): WrapperReport {
  return {
    outcome: 'killed',
    step: 'killed',
    exitCode: null,
    reason: 'ended by a signal',
    node: '',
    startedAt,
    endedAt: at,
    wallSeconds: null,
    cpuSeconds: null,
    memoryMB: null,
    outputs: [],
  };
}

const rounded = (value: number): number => Math.round(1000 * value) / 1000;
