import type { GridShares } from './shares.js';

/** How strongly what a production is owed is made good. A slot count alone is off by up to a third: jobs end in waves, and rooms are filled by halves. */
const GAIN = 6;
/** Jobs that may be started out of turn without being made good: one bundle or so. */
const SLACK = 10;
const STRONGEST = 4;
/** What was long ago is forgotten: after so many lengths of a job, and not before this time, s. */
const MEMORY_JOBS = 20;
const LEAST_MEMORY = 120;

interface Account {
  due: number;
  got: number;
  /** ms. */
  at: number;
}

/**
 * Counts the jobs that productions start against those that are due to them, so that the shares of starts come out right whatever the lengths
 * of jobs and the sizes of bundles are.
 */
export class StartBalance {
  readonly #accounts = new Map<number, Account>();

  /** A production sends jobs to sites (time in ms): each of those that share the grid was due a part of them. */
  started(production: number, jobs: number, grid: GridShares, now: number): void {
    const all = [...grid.starts.values()].reduce((sum, one) => sum + one, 0);
    if (all === 0) return;
    const memory = Math.max(LEAST_MEMORY, MEMORY_JOBS * (grid.jobSeconds ?? 0)) * 1000;
    for (const known of this.#accounts.keys()) {
      if (!grid.starts.has(known)) this.#accounts.delete(known);
    }
    for (const [one, rate] of grid.starts) {
      const account = this.#accounts.get(one) ?? { due: 0, got: 0, at: now };
      const kept = Math.exp(-Math.max(0, now - account.at) / memory);
      account.due = account.due * kept + (jobs * rate) / all;
      account.got = account.got * kept + (one === production ? jobs : 0);
      account.at = now;
      this.#accounts.set(one, account);
    }
  }

  /** By how much the part of a production is to be larger (above 1) or smaller until it has what is due to it. */
  correction(production: number): number {
    const { due, got } = this.#accounts.get(production) ?? { due: 0, got: 0 };
    const owed = ((due + SLACK) / (got + SLACK)) ** GAIN;
    return Math.min(STRONGEST, Math.max(1 / STRONGEST, owed));
  }
}
