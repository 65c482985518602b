import type { CeSymptom } from '../compute-element.js';
import {
  arrayNumbers,
  readArray,
  readForgotten,
  readId,
  removeArray,
  writeForgotten,
  writeId,
  type StoredArray,
} from './array-folder.js';
import { expressionOf, indexesOf } from './answers.js';

/** A job as a task of the array to which it belongs. */
export interface Task {
  readonly name: string;
  readonly array: TaskArray;
  readonly index: number;
  /** When it has started (ms since 1970); null: it has not, as far as is known. */
  startedAt: number | null;
  /** It has not started, and never will. */
  withdrawnAt: number | null;
  /** Null: it has not ended, as far as is known. */
  over: TaskOver | null;
  /** Since when (ms) nobody knows of it. */
  missingSince: number | null;
}

/** The end of a task that was to run. */
export interface TaskOver {
  readonly endedAt: number | null;
  readonly symptom: CeSymptom | null;
}

/** An array whose jobs are not all forgotten. */
export interface TaskArray extends StoredArray {
  /** Slurm's; null: it has not told it yet. */
  id: string | null;
  /** By index; without those that are forgotten, or belong to an earlier array. */
  readonly tasks: Map<number, Task>;
  /** How many lines of the list of forgotten tasks are known. */
  forgotten: number;
}

/** The arrays of a spool as this process knows them, and the jobs in them. */
export class TaskArrays {
  readonly #spool: string;
  readonly #arrays = new Map<number, TaskArray>();
  readonly #tasks = new Map<string, Task>();

  constructor(spool: string) {
    this.#spool = spool;
  }

  task(name: string): Task | undefined {
    return this.#tasks.get(name);
  }

  /** All jobs that are not forgotten. */
  tasks(): IterableIterator<Task> {
    return this.#tasks.values();
  }

  arrays(): IterableIterator<TaskArray> {
    return this.#arrays.values();
  }

  /** Learns of arrays that other processes have made or removed, of ids and of tasks that they have forgotten. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#arrays.values()].map((array) => this.#learn(array)));
    await this.discover();
  }

  /** Learns of arrays that other processes have made. */
  async discover(): Promise<void> {
    for (const number of (await arrayNumbers(this.#spool)).sort((a, b) => a - b)) {
      if (this.#arrays.has(number)) continue;
      const stored = await readArray(this.#spool, number);
      if (stored !== null) await this.#learn(this.add(stored));
    }
  }

  /** Takes an array in; jobs that stand in an earlier one are not its own. */
  add(stored: StoredArray): TaskArray {
    const there = this.#arrays.get(stored.number);
    if (there?.name === stored.name) return there;
    if (there !== undefined) this.#drop(there);
    const array: TaskArray = { ...stored, id: null, tasks: new Map(), forgotten: 0 };
    this.#arrays.set(array.number, array);
    for (const [index, name] of array.jobs.entries()) {
      const known = this.#tasks.get(name);
      if (known !== undefined && known.array.number < array.number) continue;
      known?.array.tasks.delete(known.index);
      const task: Task = {
        ...{ name, array, index },
        ...{ startedAt: null, withdrawnAt: null, over: null, missingSince: null },
      };
      array.tasks.set(index, task);
      this.#tasks.set(name, task);
    }
    return array;
  }

  async setId(array: TaskArray, id: string): Promise<void> {
    await writeId(array, id);
    array.id = id;
  }

  /** Has these tasks forgotten for ever; an array of which nothing is left goes. */
  async forget(array: TaskArray, indexes: readonly number[]): Promise<void> {
    for (const index of indexes) this.leave(array, index);
    if (array.tasks.size === 0) await this.remove(array);
    else await writeForgotten(array, expressionOf(indexes));
  }

  async remove(array: TaskArray): Promise<void> {
    this.#drop(array);
    await removeArray(array);
  }

  /** The task is none of this array's (any more). */
  leave(array: TaskArray, index: number): void {
    const task = array.tasks.get(index);
    if (task === undefined) return;
    array.tasks.delete(index);
    if (this.#tasks.get(task.name) === task) this.#tasks.delete(task.name);
  }

  async #learn(array: TaskArray): Promise<void> {
    array.id ??= await readId(array);
    const lines = await readForgotten(array);
    if (lines === null) return this.#drop(array);
    for (const line of lines.slice(array.forgotten)) {
      for (const index of indexesOf(line)) this.leave(array, index);
    }
    array.forgotten = lines.length;
  }

  #drop(array: TaskArray): void {
    if (this.#arrays.get(array.number) === array) this.#arrays.delete(array.number);
    for (const index of [...array.tasks.keys()]) this.leave(array, index);
  }
}
