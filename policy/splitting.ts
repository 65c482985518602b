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
