import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { traitsOf, type FaultKind, type Grid } from './fault-kinds.js';
import type { Injected } from './fault.js';
import { definitionOf, EVENTS, productionName, SITES } from './grid-under-test.js';
import { INJECTIONS } from './injections/index.js';
import { independentAudit } from './independent-audit.js';
import { differences, jobsLeftAtSites, madeBy, type Made } from './made.js';
import { Operator } from './operator.js';
import { planFaults, type PlannedFault } from './plan.js';
import { everyProcessOf } from './processes.js';
import { World } from './world.js';

export interface RunOptions {
  readonly grid: Grid;
  readonly seed: number;
  readonly faults: number;
  readonly kinds: readonly FaultKind[];
  /** What an undisturbed run has made; null: this is that run. */
  readonly reference: Made | null;
  /** Told what happens, a line each. */
  readonly tell: (line: string) => void;
  /** Aborts when the harness itself is to end. */
  readonly signal: AbortSignal;
}

/** A fault that was injected, or could not be. */
export interface FaultRecord {
  readonly kind: FaultKind;
  readonly outcome: Injected['outcome'];
  readonly target: string;
  /** Until the next end of a job was recorded, ms, from the kill or from the end of a fault that lasts; null if nothing was left to run. */
  readonly recovery: number | null;
}

export interface RunResult {
  readonly seed: number;
  readonly grid: Grid;
  readonly faults: readonly FaultRecord[];
  readonly productions: number;
  readonly releases: number;
  /** Attempts by state, of the audits. */
  readonly attempts: Readonly<Record<string, number>>;
  readonly deviations: readonly string[];
  readonly made: Made | null;
  readonly seconds: number;
  /** Where everything is kept after a deviation. */
  readonly folder: string | null;
}

const SLOTS: Record<Grid, number> = { local: 4, simulated: 50 };
const SERVING_MS = 120_000;
/** From the end of the last fault to the end of the last production. */
const LONGEST_END_MS = 420_000;
const LONGEST_RECOVERY_MS = 180_000;
const LOOK_MS = 200;
/** Processes of jobs that are over. */
const PROCESSES_END_MS = 20_000;

/**
 * One seed: a system of its own, productions, the planned faults, and the comparison with an undisturbed run. Throws the signal's reason
 * if that aborts; nothing is left of the run then.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const began = Date.now();
  const world = new World({ grid: options.grid, sites: SITES, slots: SLOTS[options.grid] });
  const stop = (): void => {
    world.undoAll();
    world.killAll();
  };
  options.signal.addEventListener('abort', stop);
  const life = new Run(world, options);
  try {
    await life.happen();
  } catch (error) {
    life.deviations.push(
      `the run broke off: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    life.over.abort(new Error('the run is over'));
    options.signal.removeEventListener('abort', stop);
    life.deviations.push(...world.undoAll());
    world.killAll();
  }
  const failed = life.deviations.length > 0 && !options.signal.aborted;
  world.remove(failed);
  options.signal.throwIfAborted();
  return {
    ...{ seed: options.seed, grid: options.grid, faults: life.records, made: life.made },
    ...{ productions: life.productions, releases: life.operator.releases },
    ...{ attempts: life.attempts, deviations: life.deviations },
    seconds: Math.round((Date.now() - began) / 1000),
    folder: failed ? world.folder : null,
  };
}

class Run {
  readonly deviations: string[] = [];
  readonly records: FaultRecord[] = [];
  readonly attempts: Record<string, number> = {};
  readonly operator: Operator;
  /** Aborts when nothing more may be injected. */
  readonly over = new AbortController();
  productions = 0;
  made: Made | null = null;
  readonly #world: World;
  readonly #options: RunOptions;
  /** Faults that hold, and those whose recovery is awaited. */
  #holding = 0;
  #planned = 0;
  #ended = false;

  constructor(world: World, options: RunOptions) {
    this.#world = world;
    this.#options = options;
    this.operator = new Operator(world, world.folder);
    setMaxListeners(0, this.over.signal);
    options.signal.addEventListener('abort', () => {
      this.over.abort(options.signal.reason);
    });
  }

  async happen(): Promise<void> {
    const world = this.#world;
    world.upkeep.start();
    if (!(await world.upkeep.untilServes(SERVING_MS)))
      throw new Error('`fabrica up` does not serve');
    await this.#submitNext();
    const injecting = this.#inject(planFaults(this.#options));
    await Promise.all([injecting, this.#carryOn()]);
    this.deviations.push(...this.operator.complaints);
    await this.#endInOrder();
    for (let n = 1; n <= this.productions; n++) await this.#compare(n);
  }

  async #submitNext(): Promise<void> {
    const n = this.productions + 1;
    const file = path.join(this.#world.folder, `${productionName(n)}.yaml`);
    writeFileSync(file, JSON.stringify(definitionOf(this.#options.grid, n)));
    await this.operator.submit(file);
    this.productions = n;
  }

  /** Injects each fault at its moment; resolves when all are over and recovered from. */
  async #inject(plan: readonly PlannedFault[]): Promise<void> {
    this.#planned = plan.length;
    const began = Date.now();
    await Promise.all(
      plan.map(async (fault) => {
        const { signal } = this.over;
        await sleep(Math.max(0, began + fault.at - Date.now()), undefined, { signal });
        this.records.push(await this.#injectOne(fault));
      }),
    );
  }

  async #injectOne(fault: PlannedFault): Promise<FaultRecord> {
    const { kind } = fault;
    this.#holding++;
    let injected: Injected;
    try {
      injected = await INJECTIONS[kind](this.#world, fault);
      this.#tellFault(fault, injected);
      if (injected.outcome !== 'injected') {
        return { kind, outcome: injected.outcome, target: injected.target, recovery: null };
      }
      if (traitsOf(kind).lasts !== null) await sleep(fault.lasts);
      injected.undo?.();
    } finally {
      this.#planned--;
      this.#holding--;
    }
    return {
      ...{ kind, outcome: 'injected', target: injected.target },
      recovery: await this.#recovery(injected.site ?? null),
    };
  }

  #tellFault({ number, kind, lasts }: PlannedFault, { outcome, target }: Injected): void {
    const time = lasts === 0 ? '' : ` for ${(lasts / 1000).toFixed(1)} s`;
    const how = outcome === 'injected' ? '' : ` (${outcome})`;
    this.#options.tell(`fault ${number}: ${kind}${time}: ${target}${how}`);
  }

  async #recovery(site: string | null): Promise<number | null> {
    const began = Date.now();
    const { catalog } = this.#world;
    const before = catalog.endedAttempts(site) ?? 0;
    while (Date.now() - began < LONGEST_RECOVERY_MS && !this.#ended) {
      const now = catalog.endedAttempts(site);
      if (now !== null && now > before) return Date.now() - began;
      await sleep(LOOK_MS / 2);
    }
    return null;
  }

  /** Keeps productions going until all faults are over and the last one has ended. */
  async #carryOn(): Promise<void> {
    let quietSince = Date.now();
    while (true) {
      const over = this.#planned === 0;
      if (!over || this.#holding > 0) quietSince = Date.now();
      this.over.signal.throwIfAborted();
      if (await this.operator.lookAfter(this.productions, this.#holding === 0)) {
        if (over) break;
        await this.#submitNext();
      }
      if (Date.now() - quietSince > LONGEST_END_MS) {
        const state = this.#world.catalog.production(productionName(this.productions));
        this.#ended = true;
        throw new Error(
          `${productionName(this.productions)} has not ended ${LONGEST_END_MS / 1000} s after the last fault: ${JSON.stringify(state)}`,
        );
      }
      await sleep(LOOK_MS);
    }
    this.#ended = true;
  }

  async #endInOrder(): Promise<void> {
    // The workflow records the end first and is then given time to end itself.
    await sleep(1000);
    if (!(await this.#world.upkeep.stop()))
      this.deviations.push('`fabrica up` did not end in time');
    const end = Date.now() + PROCESSES_END_MS;
    while (everyProcessOf(this.#world.state).length > 0 && Date.now() < end) await sleep(LOOK_MS);
    const left = everyProcessOf(this.#world.state).map(({ name }) => name);
    if (left.length > 0) this.deviations.push(`processes are left: ${left.join(', ')}`);
    const jobs = jobsLeftAtSites(this.#world);
    if (jobs.length > 0) {
      this.deviations.push(`${jobs.length} jobs are left at sites: ${jobs.slice(0, 3).join(', ')}`);
    }
  }

  async #compare(n: number): Promise<void> {
    const { grid, reference } = this.#options;
    const name = productionName(n);
    const { problems, attempts } = await independentAudit(this.#world.catalogFile, name, {
      events: EVENTS[grid],
      content: grid === 'local' ? 'jsonl' : 'simulated',
    });
    for (const [state, count] of Object.entries(attempts)) {
      this.attempts[state] = (this.attempts[state] ?? 0) + count;
    }
    this.deviations.push(...problems.map((problem) => `${name}: ${problem}`));
    const made = madeBy(this.#world, name);
    this.made ??= made;
    if (reference === null) return;
    this.deviations.push(...differences(made, reference).map((one) => `${name}: ${one}`));
  }
}
