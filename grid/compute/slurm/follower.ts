import pMap from 'p-map';
import type { Clock } from '../../../domain/clock.js';
import type { Log } from '../../../domain/log.js';
import type { CeSymptom } from '../compute-element.js';
import { parseWrapperReport, tellsOfSignalOnly } from '../wrapper-report.js';
import { LARGEST_REPORT, readHead, writtenAt } from '../spool.js';
import type { TaskEnd, TaskGroup } from './answers.js';
import {
  decidedTasks,
  forbidTask,
  jobFolderOf,
  lookAnew,
  readSymptom,
  taskStart,
  writeSymptom,
  type StoredArray,
} from './array-folder.js';
import type { Task, TaskArray, TaskArrays } from './arrays.js';
import type { SlurmClient } from './client.js';
import { symptomOf } from './symptom.js';

export interface FollowerOptions {
  readonly site: string;
  readonly arrays: TaskArrays;
  readonly client: SlurmClient;
  readonly clock: Clock;
  readonly log: Log;
  /** See `SlurmComputeOptions`. */
  readonly patience: number;
}

/** The groups of an array that Slurm has, by index. */
type Groups = ReadonlyMap<number, readonly TaskGroup[]> | undefined;

/** Files of a shared disk that are read at the same time. */
const CONCURRENCY = { concurrency: 16 };

const LOST: CeSymptom = {
  step: 'vanished',
  exitCode: null,
  reason: 'Slurm does not know the job any more, and it has left no report',
};

/** Finds out what has become of tasks: from what Slurm has, from the folder of their array, and from what Slurm remembers. */
export class Follower {
  readonly #options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Brings tasks that have not ended, as far as is known, to what is true now. */
  async follow(array: TaskArray, tasks: readonly Task[], groups: Groups): Promise<void> {
    const { arrays } = this.#options;
    const ids = new Set<string>();
    for (const parts of groups?.values() ?? []) for (const { id } of parts) ids.add(id);
    const [found] = ids;
    if (array.id === null && found !== undefined) await arrays.setId(array, found);
    const of = ({ index }: Task): readonly TaskGroup[] => groups?.get(index) ?? [];
    // Of an array that was submitted twice, one may wait for what the other has run.
    const once = ids.size < 2;
    const looked = tasks.filter(
      (task) => !(once && of(task).length > 0 && of(task).every(({ state }) => state === 'queued')),
    );
    if (looked.length === 0) return;
    await this.readDecisions(looked);
    const gone = looked.filter((task) => {
      if (task.over !== null || task.withdrawnAt !== null || array.tasks.get(task.index) !== task) {
        return false;
      }
      const states = of(task).map(({ state }) => state);
      return task.startedAt === null ? states.length === 0 : !states.includes('running');
    });
    // Of an array that Slurm was never told of nothing is gone.
    const { id } = array;
    if (gone.length > 0 && id !== null) await this.#conclude({ ...array, id }, gone, of);
  }

  /** Learns of the starts of tasks that are decided. */
  async readDecisions(tasks: readonly Task[]): Promise<void> {
    const arrays = new Set(tasks.map(({ array }) => array));
    const decided = new Map<TaskArray, ReadonlySet<number>>();
    for (const array of arrays) decided.set(array, await decidedTasks(array));
    const news = tasks.filter(
      ({ array, index, over, startedAt, withdrawnAt }) =>
        over === null &&
        startedAt === null &&
        withdrawnAt === null &&
        decided.get(array)?.has(index) === true,
    );
    await pMap(news, (task) => this.#readDecision(task), CONCURRENCY);
  }

  /** Of tasks that were ended here: nothing of them runs. */
  async close(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      if (task.over !== null || task.withdrawnAt !== null) continue;
      const endedAt = (await reportedAt(task)) ?? this.#options.clock.now();
      task.over = { endedAt, symptom: null };
    }
  }

  async #readDecision(task: Task): Promise<void> {
    const { array, index } = task;
    const start = await taskStart(array, index);
    switch (start?.by) {
      case 'node':
        task.startedAt = start.at;
        if (array.id === null && start.id !== '') await this.#options.arrays.setId(array, start.id);
        break;
      case 'ended':
        task.withdrawnAt = start.at;
        break;
      case 'lost':
        task.over = { endedAt: start.at, symptom: (await storedSymptom(task)) ?? LOST };
        break;
      case 'elsewhere':
        this.#options.arrays.leave(array, index);
        break;
      case undefined:
    }
  }

  /** Tasks that Slurm has no more, or is just ending. */
  async #conclude(
    array: StoredArray & { readonly id: string },
    gone: readonly Task[],
    groupsOf: (task: Task) => readonly TaskGroup[],
  ): Promise<void> {
    const asked = new Map<Task, boolean>();
    await pMap(
      gone,
      async (task) => {
        await lookAnew(array, task.index);
        const report = task.startedAt === null ? null : await reportOf(task);
        const isWhole = report?.endsWith('\nend\n') === true;
        // While it is still at it, what counts is only a report that is whole.
        if (!isWhole && groupsOf(task).length > 0) return;
        if (!isWhole || tellsOfSignal(report)) asked.set(task, isWhole);
        else task.over = { endedAt: await reportedAt(task), symptom: null };
      },
      CONCURRENCY,
    );
    const untold: Task[] = [];
    for (const task of asked.keys()) {
      const symptom = await storedSymptom(task);
      if (symptom === null) untold.push(task);
      else task.over = { endedAt: await reportedAt(task), symptom };
    }
    if (untold.length === 0) return;
    const indexes = untold.map(({ index }) => index);
    const ends = await this.#options.client.ends(array, indexes);
    for (const task of untold) {
      const end = ends.get(task.index);
      if (end === 'active') continue;
      if (asked.get(task) === true) await this.#explain(task, end);
      else await this.#end(task, end);
    }
  }

  /** A task whose report tells of a signal: Slurm may know why, or else the report is all there is. */
  async #explain(task: Task, end: TaskEnd | undefined): Promise<void> {
    const symptom = end === undefined ? null : symptomOf(end);
    const knows = symptom !== null && symptom.step !== 'vanished' && symptom.step !== 'wrapper';
    if (knows) await writeSymptom(task.array, task.index, JSON.stringify(symptom));
    task.over = { endedAt: await reportedAt(task), symptom: knows ? symptom : null };
  }

  /** A task without a report: only Slurm can tell how it has ended. */
  async #end(task: Task, end: TaskEnd | undefined): Promise<void> {
    const { clock, log, patience, site } = this.#options;
    if (end === undefined) {
      task.missingSince ??= clock.now();
      if (clock.now() - task.missingSince < patience) return;
    }
    if (task.startedAt === null && !(await forbidTask(task.array, task.index, 'lost'))) {
      // It has just been decided otherwise.
      return this.#readDecision(task);
    }
    const symptom = end === undefined ? LOST : symptomOf(end);
    await writeSymptom(task.array, task.index, JSON.stringify(symptom));
    task.over = { endedAt: end?.endedAt ?? clock.now(), symptom };
    log.warn({ site, job: task.name, reason: symptom.reason }, 'a job has ended without a report');
  }
}

const reportOf = ({ array, index }: Task): Promise<string | null> =>
  readHead(jobFolderOf(array, index), 'report', LARGEST_REPORT);

function tellsOfSignal(report: string): boolean {
  try {
    return tellsOfSignalOnly(parseWrapperReport(report));
  } catch {
    // What is wrong with it whoever reads it will tell.
    return false;
  }
}

const reportedAt = ({ array, index }: Task): Promise<number | null> =>
  writtenAt(jobFolderOf(array, index), 'report');

async function storedSymptom({ array, index }: Task): Promise<CeSymptom | null> {
  const text = await readSymptom(array, index);
  // Written by `#end` only; a process may have been killed at it.
  return text?.endsWith('}') === true ? (JSON.parse(text) as CeSymptom) : null;
}
