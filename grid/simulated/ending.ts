import type { FailureClass } from '../../domain/failure-class.js';
import type { CeTask } from '../compute/compute-element.js';
import type { Symptom } from './symptoms.js';

/**
 * How a simulated job has ended, as far as its fate alone does not tell: that depends on what the storages said then, and on who has ended it.
 * `done`: the storages that have taken its outputs, in their order. `lost`: its wrapper has left no report. `killed`: ms since 1970.
 * `withdrawn`: it has not started, and never will.
 */
export type Ending =
  | { readonly how: 'done'; readonly storages: readonly string[] }
  | { readonly how: 'failed'; readonly failure: FailureClass; readonly symptom: Symptom }
  | { readonly how: 'lost' }
  | { readonly how: 'killed'; readonly at: number }
  | { readonly how: 'withdrawn' };

/** What a job that has ended so has logged; `task` is null for what has never come. */
export function logOf(ending: Ending, task: CeTask | null): string {
  switch (ending.how) {
    case 'done':
      return `Simulated ${task?.job.events ?? 0} events with seed ${task?.job.seed ?? '-'}.\n`;
    case 'failed':
      return ending.symptom.log;
    case 'lost':
      return 'Started.\n';
    case 'killed':
      return 'fabrica: ended by a signal in step payload\n';
    case 'withdrawn':
      return '';
  }
}
