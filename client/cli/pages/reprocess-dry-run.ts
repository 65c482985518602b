import type { ReprocessPlan } from '../../../activities/control/reprocess-plan.js';
import { someJobNumbers } from '../../../domain/job-numbers.js';
import { counted } from '../text.js';

/** What a request to run things again would do. Nothing is changed for it. */
export interface ReprocessRun {
  readonly production: string;
  readonly blocks: readonly number[];
  /** Jobs that run again; `because` is the merge that needs them, null if they were asked for. */
  readonly jobs: readonly { readonly job: number; readonly because: number | null }[];
  /** Merge jobs that run again with the same inputs. */
  readonly repeatedMerges: readonly number[];
  /** Merge jobs that others replace. */
  readonly retiredMerges: readonly number[];
  /** LFNs of the merged files that are replaced, and of unmerged outputs that are. */
  readonly mergedFiles: readonly string[];
  readonly outputs: readonly string[];
  /** Jobs that were asked for and run or wait already. */
  readonly running: readonly number[];
}

export function reprocessRun(production: string, plan: ReprocessPlan): ReprocessRun {
  const lfns = (kind: string): string[] =>
    plan.files.filter((file) => file.kind === kind).map(({ lfn }) => lfn);
  return {
    production,
    blocks: plan.blocks.map(({ row }) => row.number),
    jobs: plan.blocks.flatMap(({ again }) => again),
    repeatedMerges: plan.blocks.flatMap(({ repeated }) => repeated),
    retiredMerges: plan.blocks.flatMap(({ retired }) => retired),
    mergedFiles: lfns('merged'),
    outputs: lfns('output'),
    running: plan.open,
  };
}

const MOST_FILES = 50;
const MOST_PARTS = 200;

/** The same for a person. */
export function reprocessPage(run: ReprocessRun): string {
  const { jobs, mergedFiles, outputs, repeatedMerges, retiredMerges, running } = run;
  const asked = jobs.filter(({ because }) => because === null).map(({ job }) => job);
  const needed = jobs.filter(({ because }) => because !== null);
  const merges = [...new Set(needed.flatMap(({ because }) => because ?? []))];
  const some = (numbers: readonly number[]): string => someJobNumbers(numbers, MOST_PARTS);
  const lines = [
    ...(asked.length > 0
      ? [`${counted(asked.length, 'job runs', 'jobs run')} again: ${some(asked)}`]
      : []),
    ...(needed.length > 0
      ? [
          `${counted(needed.length, 'more job runs', 'more jobs run')} again: ${some(needed.map(({ job }) => job))}`,
          `  (their outputs are merged and removed already, and merge ${some(merges)} needs them to be done anew)`,
        ]
      : []),
    ...(repeatedMerges.length > 0
      ? [
          `${counted(repeatedMerges.length, 'merge is', 'merges are')} repeated with the same inputs: ${some(repeatedMerges)}`,
        ]
      : []),
    ...(retiredMerges.length > 0
      ? [
          `${counted(retiredMerges.length, 'merge is', 'merges are')} replaced by new ones: ${some(retiredMerges)}`,
        ]
      : []),
    ...(running.length > 0
      ? [`${counted(running.length, 'job runs', 'jobs run')} or wait already: ${some(running)}`]
      : []),
    ...fileLines('merged file is', 'merged files are', mergedFiles),
    ...fileLines('output is', 'outputs are', outputs),
    'Nothing has been changed.',
  ];
  return lines.join('\n');
}

function fileLines(one: string, several: string, lfns: readonly string[]): string[] {
  if (lfns.length === 0) return [];
  const rest = lfns.length - MOST_FILES;
  return [
    `${counted(lfns.length, one, several)} replaced on every storage:`,
    ...lfns.slice(0, MOST_FILES).map((lfn) => `  ${lfn}`),
    ...(rest > 0 ? [`  ... and ${rest} more (--json lists all)`] : []),
  ];
}
