import { condition } from '@temporalio/workflow';

/** What has come waits so long for others, ms: less than anybody notices, and an activity for each would cost more than what it does. */
const WHILE = 5_000;

/** Gathers what comes one by one, and hands on together what has come within a while. */
export class Gathering<T, R = void> {
  readonly #handOn: (some: readonly T[]) => Promise<R>;
  readonly #isLast: (waiting: number) => boolean;
  #waiting: T[] = [];
  #handing: Promise<R> | null = null;

  /** `isLast` tells whether nothing more is to come while so many wait: then they wait no longer. */
  constructor(handOn: (some: readonly T[]) => Promise<R>, isLast: (waiting: number) => boolean) {
    this.#handOn = handOn;
    this.#isLast = isLast;
  }

  /** Resolves to the answer to all that it was handed on with; rejects if that failed. */
  add(one: T): Promise<R> {
    this.#waiting.push(one);
    this.#handing ??= this.#later();
    return this.#handing;
  }

  async #later(): Promise<R> {
    await condition(() => this.#isLast(this.#waiting.length), WHILE);
    const some = this.#waiting;
    this.#waiting = [];
    this.#handing = null;
    return this.#handOn(some);
  }
}
