/** A range of events, numbered from 1 within the production. */
export interface EventRange {
  readonly firstEvent: number;
  readonly events: number;
}

/** Into how many jobs one that is too big is divided: who comes close to a limit as a rule exceeds it by less than twice. */
export const PARTS = 2;

/** The range in parts of almost the same size, none empty, that cover it exactly and follow each other. */
export function splitRange(range: EventRange, parts: number = PARTS): EventRange[] {
  const pieces = Math.min(parts, range.events);
  return Array.from({ length: pieces }, (_, i) => {
    const from = Math.floor((i * range.events) / pieces);
    const to = Math.floor(((i + 1) * range.events) / pieces);
    return { firstEvent: range.firstEvent + from, events: to - from };
  });
}

/**
 * The input files of a job in parts that follow each other, each with at least one of them, of as equal numbers of events as their order
 * allows; their events are numbered on from `firstEvent`.
 */
export function splitFiles<T extends { readonly file: number; readonly events: number }>(
  firstEvent: number,
  files: readonly T[],
): (EventRange & { readonly files: number[] })[] {
  const total = files.reduce((sum, { events }) => sum + events, 0);
  const sums = files
    .slice(1)
    .map((_, i) => files.slice(0, i + 1).reduce((sum, { events }) => sum + events, 0));
  const distance = (sum: number): number => Math.abs(2 * sum - total);
  const best = sums.reduce(
    (at, sum, i) => (distance(sum) < distance(sums[at] ?? Infinity) ? i : at),
    0,
  );
  const first = files.slice(0, best + 1);
  const firstEvents = first.reduce((sum, { events }) => sum + events, 0);
  const rest = files.slice(best + 1);
  const numbers = (part: readonly T[]): number[] => part.map(({ file }) => file);
  return [
    { firstEvent, events: firstEvents, files: numbers(first) },
    ...(rest.length === 0
      ? []
      : [
          {
            firstEvent: firstEvent + firstEvents,
            events: total - firstEvents,
            files: numbers(rest),
          },
        ]),
  ];
}
