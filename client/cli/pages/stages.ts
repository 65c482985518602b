import type { ProductionProgress } from '../../../domain/progress.js';
import type { Cell } from '../table.js';

export interface Stage {
  readonly name: string;
  /** Events that have passed it. */
  readonly events: number;
}

/** The stages that the events of a production pass, in order. Without merging there are two. */
export function stagesOf(progress: ProductionProgress, merges: boolean): Stage[] {
  const { distributed, made, merged } = progress.events;
  return [
    { name: 'fabricated', events: made },
    ...(merges ? [{ name: 'merged', events: merged }] : []),
    { name: 'distributed', events: distributed },
  ];
}

/** How much is done, from 0 to 1, each stage counted alike. */
export function shareDone(progress: ProductionProgress, merges: boolean): number {
  const { wanted } = progress.events;
  if (wanted === 0) return 1;
  const stages = stagesOf(progress, merges);
  const done = stages.reduce((sum, { events }) => sum + Math.min(1, events / wanted), 0);
  return done / stages.length;
}

/** The events that were given up, beside those that are wanted. */
export function waivedCell({ waived }: ProductionProgress['events']): Cell {
  return waived === 0 ? '' : waived;
}
