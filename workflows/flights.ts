import { condition, workflowInfo } from '@temporalio/workflow';
import type { BlockRef } from '../activities/control/context.js';
import type { BundleOrder } from '../domain/bundle.js';
import type { ClearedBundle } from '../domain/log-archive.js';
import { laterProgress, type ProductionProgress } from '../domain/progress.js';
import { control } from './activities.js';
import { fly, type FlightNews } from './bundle-flight.js';
import { Gathering } from './gathering.js';

/** Bundles of one block on their way at a time: each is an activity that Temporal keeps in mind, and it keeps 2,000 of a workflow. */
const MOST_FLYING = 500;

/** Why a block tells its production how far it is: some jobs have ended, none runs any more, or the block is at its end. */
export type Occasion = 'some' | 'idle' | 'end';

/** Bundles on their way, and what they have told since. */
export class Flights {
  flying = 0;
  /** Jobs that wait again since it was last set to 0. */
  requeued = 0;
  remnants = false;
  /** Merges could not read their inputs since it was last set to false. */
  badInputs = false;
  /** What ended the first flight that failed; the others go on to their ends. */
  failure: Error | null = null;
  readonly #priority: number;
  readonly #tell: (progress: ProductionProgress, occasion: Occasion) => void;
  readonly #cleared: Gathering<ClearedBundle>;
  /** Bundles that were on their way at once, at most; and how often one has told something. */
  #most = 0;
  #told = 0;
  #latest: ProductionProgress | null = null;

  constructor(
    { priority, ...ref }: BlockRef & { readonly priority: number },
    tell: (progress: ProductionProgress, occasion: Occasion) => void,
  ) {
    this.#priority = priority;
    this.#tell = tell;
    this.#cleared = new Gathering(
      (bundles) => control.closeBundles({ ...ref, bundles }),
      (waiting) => waiting === this.flying,
    );
  }

  /** The history has become long; and more has been recorded than it costs to fly what is on its way again. */
  isFull(): boolean {
    return workflowInfo().continueAsNewSuggested && this.#told > this.#most;
  }

  hasRoom(): boolean {
    return this.flying < MOST_FLYING;
  }

  failed(): boolean {
    return this.failure !== null;
  }

  /** Something that the block must look after. */
  news(): boolean {
    return this.requeued > 0 || this.badInputs || this.failed();
  }

  launch(order: BundleOrder): void {
    this.flying++;
    this.#most = Math.max(this.#most, this.flying);
    const heed = (news: FlightNews): void => {
      this.#told++;
      this.requeued += news.requeued;
      this.remnants ||= news.remnants;
      this.badInputs ||= news.badInputs;
      this.#latest = laterProgress(this.#latest, news.progress);
      this.#tell(news.progress, 'some');
    };
    fly(order, this.#priority, heed, (cleared) => this.#cleared.add(cleared))
      .catch((error: unknown) => {
        this.failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        this.flying--;
        // What is shown while nothing runs shall not be of a time when something did.
        if (this.flying === 0 && this.#latest !== null) this.#tell(this.#latest, 'idle');
      });
  }

  /** Until none is on its way any more; throws what has ended the first that failed. */
  async landed(): Promise<void> {
    await condition(() => this.flying === 0);
    if (this.failure !== null) throw this.failure;
  }
}
