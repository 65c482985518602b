/** A time during which something does not answer; simulated seconds since the simulation began. Without an end it is for ever. */
export interface Outage {
  readonly from: number;
  readonly to?: number | undefined;
}

/** Whether it is out at a time, simulated seconds since the beginning. */
export function isOut(outages: readonly Outage[], at: number): boolean {
  return outages.some(({ from, to }) => at >= from && (to === undefined || at < to));
}
