/** How far a production was at a moment (ms). */
export interface PaceSample {
  readonly at: number;
  /** Events fabricated. */
  readonly made: number;
  /** From 0 to 1, over all stages. */
  readonly share: number;
}

/** Older samples do not count any more, ms. */
const WINDOW = 120_000;
/** Rates over less time than this mean nothing, ms. */
const LEAST = 2_000;

/** How fast a production goes, from what was seen of it in the last two minutes. */
export class Pace {
  readonly #samples: PaceSample[] = [];

  add(sample: PaceSample): void {
    this.#samples.push(sample);
    while ((this.#samples[0]?.at ?? Infinity) < sample.at - WINDOW && this.#samples.length > 2) {
      this.#samples.shift();
    }
  }

  /** Events fabricated per second; null while too little has been seen. */
  get eventsPerSecond(): number | null {
    return this.#slope((sample) => sample.made);
  }

  /** s until all stages are through, if it goes on like this; null while nobody can tell. */
  get secondsLeft(): number | null {
    const slope = this.#slope((sample) => sample.share);
    const share = this.#samples.at(-1)?.share;
    if (slope === null || slope <= 0 || share === undefined) return null;
    return (1 - share) / slope;
  }

  #slope(value: (sample: PaceSample) => number): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < LEAST) return null;
    return (1000 * (value(last) - value(first))) / (last.at - first.at);
  }
}
