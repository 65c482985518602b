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
  const { ending } = job;
  switch (ending.how) {
    case 'done': {
      const { events } = job.task.job;
      // A bad output shows by its events.
      const told = job.fate.failure === 'bad-output' ? events - 1 : events;
      return {
        report: doneReport(job, ending.storages, context),
        payloadReport: { events: told, problem: '' },
      };
    }
    case 'failed': {
      const { exitCode, reason, step } = ending.symptom;
      const found = { ...measured(job, context), exitCode, reason, step };
      return { report: { ...found, outcome: 'failed', outputs: [] }, payloadReport: null };
    }
    case 'killed':
      return { report: killedReport(job, ending.at), payloadReport: null };
    case 'lost':
    case 'withdrawn':
      return NOTHING_TOLD;
  }
}

function measured({ endedAt, fate, name, startedAt, task }: EndedJob, { site }: ReportContext) {
  return {
    ...{ startedAt, endedAt },
    node: `${site.toLowerCase()}-${1 + (name.length % 9)}.example.org`,
    // To the digits that wrappers tell.
    wallSeconds: rounded(Math.min(fate.wallSeconds, task.bundle.recipe.wallSeconds)),
    cpuSeconds: rounded(fate.cpuSeconds),
    memoryMB: rounded(fate.memoryMB),
  };
}

function doneReport(
  job: EndedJob,
  taken: readonly string[],
  context: ReportContext,
): WrapperReport {
  const { storages, bytesPerEvent } = context;
  const size = Math.max(1, Math.round(job.task.job.events * bytesPerEvent));
  return {
    ...measured(job, context),
    ...{ outcome: 'done', step: 'none', exitCode: 0, reason: '' },
    outputs: taken.map((storage, index) => ({
      ...{ index, storage, size },
      level: job.task.bundle.recipe.outputs[index]?.level ?? '',
      url: storages.get(storage).url(outputPath(job.task, index)),
    })),
  };
}

function killedReport({ startedAt }: EndedJob, at: number): WrapperReport {
  return {
    outcome: 'killed',
    step: 'killed',
    exitCode: null,
    reason: 'ended by a signal',
    node: '',
    ...{ startedAt, endedAt: at },
    ...{ wallSeconds: null, cpuSeconds: null, memoryMB: null },
    outputs: [],
  };
}

const rounded = (value: number): number => Math.round(1000 * value) / 1000;
