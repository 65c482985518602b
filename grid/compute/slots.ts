import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { CAME_SECOND } from './local-job.js';
import type { PilotJob } from './pilot.js';
import { Pilot } from './pilot.js';

/** A job as the slots see it. */
export interface SlotJob extends PilotJob {
  readonly state: 'queued' | 'running' | 'ended';
}

export interface SlotsOptions<J extends SlotJob> {
  /** Jobs that run at once. */
  readonly total: number;
  readonly spool: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The queued jobs, the first to run first. */
  readonly queue: Iterable<J>;
  /** How many of the slots are taken by jobs that no pilot of this process runs. */
  readonly taken: () => number;
  /** A queued job has its slot: it is queued no more. */
  readonly begun: (job: J) => void;
  /** A job has run, and ended with this code. */
  readonly ended: (job: J, code: number) => void;
  /** A job that was begun here has been started, or forbidden to start, by somebody else, or its folder is gone. */
  readonly passedOver: (job: J) => void;
  /** The pilot of a job that was begun is no more, for this reason; the job may run on, or may never have started. */
  readonly pilotLost: (job: J, why: string) => void;
}

/** A pilot without a job ends after this (ms). */
const IDLE_LIFE = 10_000;
/**
 * A slot whose last job took less (ms) is lent jobs ahead, so that it never waits for this process: as many as take about `AHEAD`.
 * Longer ones would gain nothing, and would start out of order.
 */
const SHORT = 80;
const AHEAD = 100;
const MOST_AHEAD = 4;
/** A job that is lent to a slot which has been at another one for longer than this (ms) may start elsewhere. */
const STUCK = 250;
/** After the machine refused a new process (ms). */
const START_RETRY = 1000;

/**
 * The slots of this machine: a pilot each, started when there is first work for it. Besides the job that it runs, a pilot whose jobs are
 * short is lent the next ones of those that wait. A lent job still waits: whoever comes first starts it, this pilot or, if it is
 * held up, another one, since `wrapper.started` is created once. So no job waits behind a long one while a slot is free.
 *
 * A slot is taken from when a pilot is fed until it has told the end of all that it was fed, hence no pilot's next job can
 * collide with one that is started here meanwhile.
 */
export class Slots<J extends SlotJob> {
  readonly #options: SlotsOptions<J>;
  readonly #single: boolean;
  readonly #busy = new Set<Pilot<J>>();
  /** All that have not ended: busy, idle, or ending. */
  readonly #pilots = new Set<Pilot<J>>();
  /** The one that was busy last is the last. */
  readonly #idle: Pilot<J>[] = [];
  /** Jobs that were begun, by the pilot that is at them. */
  readonly #begun = new Map<J, Pilot<J>>();
  /** Queued jobs that a pilot has been fed. */
  readonly #lent = new Map<J, Pilot<J>>();
  #idleTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SlotsOptions<J>) {
    this.#options = options;
    this.#single = !hasProgram('setsid', options.environment.PATH ?? '');
  }

  /** Starts queued jobs while slots are free. */
  fill(): void {
    const { total, taken } = this.#options;
    while (!this.#closed && this.#retryTimer === undefined && this.#busy.size + taken() < total) {
      const job = this.#nextJob() ?? this.#lent.keys().next().value;
      if (job === undefined) return;
      const pilot = this.#idle.pop() ?? this.#newPilot();
      this.#busy.add(pilot);
      this.#begin(pilot, job);
      pilot.feed(job);
      this.#lend(pilot);
    }
  }

  /** Ends all pilots. Jobs that run go on; no other starts. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#idleTimer);
    clearTimeout(this.#retryTimer);
    await Promise.all([...this.#pilots].map((pilot) => pilot.abandon()));
  }

  #newPilot(): Pilot<J> {
    const { spool, environment } = this.#options;
    const started = new Pilot<J>(
      { spool, environment, single: this.#single },
      {
        ended: (pilot, job, code) => {
          this.#jobEnded(pilot, job, code);
        },
        gone: (pilot, jobs, why) => {
          this.#pilotGone(pilot, jobs, why);
        },
      },
    );
    this.#pilots.add(started);
    return started;
  }

  #begin(pilot: Pilot<J>, job: J): void {
    this.#lent.delete(job);
    this.#begun.set(job, pilot);
    this.#options.begun(job);
  }

  /** The first queued job that no pilot is just coming to. */
  #nextJob(): J | undefined {
    const now = performance.now();
    for (const job of this.#options.queue) {
      const pilot = this.#lent.get(job);
      if (pilot === undefined || now - pilot.since > STUCK) return job;
    }
    return undefined;
  }

  /** Feeds a busy pilot ahead, if its jobs are short. */
  #lend(pilot: Pilot<J>): void {
    if (this.#single || pilot.lastDuration > SHORT) return;
    const ahead = Math.max(1, Math.min(MOST_AHEAD, Math.floor(AHEAD / pilot.lastDuration)));
    if (pilot.jobs.length > ahead) return;
    for (const job of this.#options.queue) {
      if (this.#lent.has(job)) continue;
      this.#lent.set(job, pilot);
      pilot.feed(job);
      if (pilot.jobs.length > ahead) return;
    }
  }

  #jobEnded(pilot: Pilot<J>, job: J, code: number): void {
    const here = this.#begun.get(job) === pilot;
    if (this.#lent.get(job) === pilot) this.#lent.delete(job);
    const [next] = pilot.jobs;
    if (next === undefined) this.#rest(pilot);
    else if (next.state === 'queued') this.#begin(pilot, next);
    if (code !== CAME_SECOND) {
      this.#begun.delete(job);
      this.#options.ended(job, code);
    } else if (here) {
      this.#begun.delete(job);
      this.#options.passedOver(job);
    }
    this.fill();
    if (this.#busy.has(pilot)) this.#lend(pilot);
  }

  #rest(pilot: Pilot<J>): void {
    this.#busy.delete(pilot);
    if (this.#single) return;
    this.#idle.push(pilot);
    this.#idleTimer ??= setInterval(() => {
      this.#endIdle();
    }, IDLE_LIFE / 2).unref();
  }

  #endIdle(): void {
    const now = performance.now();
    const idle = this.#idle.splice(0);
    for (const pilot of idle) {
      if (now - pilot.since > IDLE_LIFE) pilot.finish();
      else this.#idle.push(pilot);
    }
    if (this.#idle.length > 0) return;
    clearInterval(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  #pilotGone(pilot: Pilot<J>, jobs: readonly J[], why: string): void {
    this.#pilots.delete(pilot);
    this.#busy.delete(pilot);
    const place = this.#idle.indexOf(pilot);
    if (place !== -1) this.#idle.splice(place, 1);
    for (const job of jobs) {
      if (this.#lent.get(job) === pilot) this.#lent.delete(job);
      if (this.#begun.get(job) !== pilot) continue;
      this.#begun.delete(job);
      this.#options.pilotLost(job, why);
    }
    if (this.#closed) return;
    // One that has never run a job may be a sign that none can start now.
    if (jobs.length > 0 && pilot.lastDuration === Infinity) {
      this.#retryTimer ??= setTimeout(() => {
        this.#retryTimer = undefined;
        this.fill();
      }, START_RETRY).unref();
    } else {
      this.fill();
    }
  }
}

function hasProgram(name: string, searchPath: string): boolean {
  return searchPath.split(':').some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
