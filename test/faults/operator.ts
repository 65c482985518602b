import { productionName } from './grid-under-test.js';
import type { World } from './world.js';

const SUBMIT_TRIES = 90;
const ENDED = ['Completed', 'Rejected', 'Cancelled', 'Cleaned', 'Archived'];
/** Without any recorded end of an attempt for so long, ms, the operator looks whether the workflow still runs. */
const SILENCE_MS = 60_000;
const RELEASE_EVERY_MS = 5000;
/** What is held after as many releases is held for good. */
const MOST_RELEASES = 12;

/** What a person would do: submit, release what is held, look after what stands still. */
export class Operator {
  readonly #world: World;
  readonly #folder: string;
  #lastCount = -1;
  #lastChange = Date.now();
  #lastRelease = 0;
  /** How often something held was released. */
  releases = 0;
  /** What should never have been necessary. */
  readonly complaints: string[] = [];

  constructor(world: World, folder: string) {
    this.#world = world;
    this.#folder = folder;
  }

  /** Submits a definition file until that succeeds; whatever was lost in between, it becomes one production. */
  async submit(file: string): Promise<void> {
    let told = '';
    for (let tries = 0; tries < SUBMIT_TRIES; tries++) {
      if (await this.#world.upkeep.untilServes(60_000)) {
        const { code, output } = await this.#world.fabrica('submit', file);
        if (code === 0) return;
        told = output;
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    throw new Error(`the definition can not be submitted: ${told} (${this.#folder})`);
  }

  /** Looks at the nth production and does what it needs; true once it has ended. `quiet`: no fault holds just now. */
  async lookAfter(n: number, quiet: boolean): Promise<boolean> {
    const name = productionName(n);
    const found = this.#world.catalog.production(name);
    if (found === null) return false;
    if (ENDED.includes(found.state)) return true;
    if (found.state === 'Held' && Date.now() - this.#lastRelease > RELEASE_EVERY_MS) {
      this.#lastRelease = Date.now();
      if (this.releases >= MOST_RELEASES) {
        throw new Error(`${name} is held however often it is released: ${found.reason}`);
      }
      const { code } = await this.#world.fabrica('release', name, '--why', 'the faults are over');
      if (code === 0) this.releases++;
    }
    const count = this.#world.catalog.endedAttempts(null) ?? this.#lastCount;
    if (count !== this.#lastCount || !quiet) {
      this.#lastCount = count;
      this.#lastChange = Date.now();
    } else if (Date.now() - this.#lastChange > SILENCE_MS) {
      this.#lastChange = Date.now();
      const { output } = await this.#world.fabrica('recover');
      if (/"restarted":\s*\[\s*"/.test(output)) {
        this.complaints.push(`the workflow of ${name} had ended before its production: ${output}`);
      }
    }
    return false;
  }
}
