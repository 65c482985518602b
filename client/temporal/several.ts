import { setTimeout as sleep } from 'node:timers/promises';
import type { FabricaError } from '../../domain/errors.js';
import { fabricaErrorOf } from './failures.js';

/** How many productions a command deals with at once: enough to keep a control process busy, too few to flood Temporal. */
const AT_ONCE = 16;
/** ms between two words about how far it is. */
const TELL_EVERY = 5_000;

/** What has come of one production; `error` and `answer` are null if it was not asked, because too much is missing for any to succeed. */
export interface OneOfSeveral<T> {
  readonly production: string;
  readonly answer: T | null;
  readonly error: FabricaError | null;
}

/**
 * Does the same with many productions, several at once; afterwards each has its answer or its error, in the order of the names. After
 * an error that `ends` knows, no further production is begun.
 */
export async function withSeveral<T>(
  productions: readonly string[],
  work: (production: string) => Promise<T>,
  options: {
    readonly ends: (error: FabricaError) => Promise<boolean>;
    /** Told now and then how many are done. */
    readonly tell: (done: number) => void;
  },
): Promise<OneOfSeveral<T>[]> {
  const results: OneOfSeveral<T>[] = productions.map((production) => ({
    ...{ production, answer: null, error: null },
  }));
  const queue = [...productions.entries()].reverse();
  let done = 0;
  let ended = false;
  const worker = async (): Promise<void> => {
    for (;;) {
      const next = queue.pop();
      if (next === undefined || ended) return;
      const [place, production] = next;
      try {
        results[place] = { production, answer: await work(production), error: null };
      } catch (thrown) {
        const error = fabricaErrorOf(thrown);
        results[place] = { production, answer: null, error };
        ended ||= await options.ends(error);
      }
      done++;
    }
  };
  const finished = new AbortController();
  const telling = tellNowAndThen(() => options.tell(done), finished.signal);
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    finished.abort();
    await telling;
  }
  return results;
}

async function tellNowAndThen(tell: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(TELL_EVERY, undefined, { signal });
    } catch {
      // It is over.
      return;
    }
    tell();
  }
}
