/** Where the time comes from: ms since 1970. Injected everywhere, so that tests may set it. */
export interface Clock {
  now(): number;
}

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now() };
