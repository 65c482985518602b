/**
 * Tells waiters that something has happened since they last waited. A waiter is known by its abort signal, so that several at the
 * same time do not take each other's news; a signal that is new here starts from what anybody has been told last.
 */
export class ChangeSignal {
  #count = 0;
  #toldAnybody = 0;
  readonly #told = new WeakMap<AbortSignal, number>();
  readonly #waiters = new Set<() => void>();

  raise(): void {
    this.#count++;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves at once if something has happened since this waiter's last call, else when it does, after `milliseconds`, or when aborted. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    const told = this.#told.get(signal) ?? this.#toldAnybody;
    if (told === this.#count && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          this.#waiters.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, milliseconds);
        signal.addEventListener('abort', wake);
        this.#waiters.add(wake);
      });
    }
    this.#told.set(signal, this.#count);
    this.#toldAnybody = this.#count;
  }
}
