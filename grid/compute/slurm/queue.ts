import { setTimeout as delay } from 'node:timers/promises';
import { ChangeSignal } from '../change-signal.js';
import type { ActiveTasks, TaskGroup } from './answers.js';

/** Between two looks while somebody waits for ends: so many times as long as a look takes, at least. */
const LOOK_TIMES = 20;
/** An answer is good for this many times as long as it took, at least. */
const GOOD_TIMES = 5;

/** What Slurm has of this user, as it was asked last: one answer for all who ask at about the same time. */
export class SlurmQueue {
  readonly #ask: () => Promise<ActiveTasks>;
  /** Between two looks (ms), at least. */
  readonly #pause: number;
  readonly #ends = new ChangeSignal();
  #tasks: ActiveTasks = new Map();
  #askedAt = -Infinity;
  #took = 0;
  /** Answers of before are not good enough. */
  #outdatedAt = -Infinity;
  #asking: { readonly since: number; readonly answer: Promise<ActiveTasks> } | null = null;
  #waiters = 0;
  #looking = false;
  #closed = false;

  constructor(ask: () => Promise<ActiveTasks>, pause: number) {
    this.#ask = ask;
    this.#pause = pause;
  }

  /** Something has been changed there: the next answer must be of after now. */
  outdate(): void {
    this.#outdatedAt = performance.now();
  }

  /** A recent answer, that has been asked for after the last change. */
  async tasks(): Promise<ActiveTasks> {
    const good = performance.now() - Math.max(this.#pause, GOOD_TIMES * this.#took);
    const since = Math.max(good, this.#outdatedAt);
    if (this.#askedAt >= since) return this.#tasks;
    if (this.#asking !== null && this.#asking.since < since) {
      await this.#asking.answer.catch(() => undefined);
      return this.tasks();
    }
    this.#asking ??= { since: performance.now(), answer: this.#look() };
    return this.#asking.answer;
  }

  async changed(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.#waiters++;
    void this.#lookOn();
    try {
      await this.#ends.wait(milliseconds, signal);
    } finally {
      this.#waiters--;
    }
  }

  /** Wakes whoever waits. */
  raise(): void {
    this.#ends.raise();
  }

  close(): void {
    this.#closed = true;
    this.raise();
  }

  async #look(): Promise<ActiveTasks> {
    const since = performance.now();
    try {
      const tasks = await this.#ask();
      this.#took = performance.now() - since;
      const before = this.#tasks;
      this.#tasks = tasks;
      this.#askedAt = since;
      if (hasEnded(before, tasks)) this.raise();
      return tasks;
    } finally {
      this.#asking = null;
    }
  }

  async #lookOn(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#waiters > 0 && !this.#closed) {
        // One that does not answer is told of by whoever asks what has become of jobs.
        await this.tasks().catch(() => undefined);
        const pause = Math.max(this.#pause, LOOK_TIMES * this.#took);
        await delay(pause, undefined, { ref: false });
      }
    } finally {
      this.#looking = false;
    }
  }
}

/** Whether a task is not there any more, or has come to its end. */
function hasEnded(before: ActiveTasks, after: ActiveTasks): boolean {
  for (const [name, tasks] of before) {
    const now = after.get(name);
    for (const [index, groups] of tasks) {
      const rest = now?.get(index);
      if (rest === undefined || (isEnding(rest) && !isEnding(groups))) return true;
    }
  }
  return false;
}

const isEnding = (groups: readonly TaskGroup[]): boolean =>
  groups.some(({ state }) => state === 'ending');
