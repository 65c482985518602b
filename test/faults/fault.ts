import type { PlannedFault } from './plan.js';
import type { World } from './world.js';

/** What came of injecting a fault. */
export type Injected =
  | {
      readonly outcome: 'injected';
      /** What it has hit. */
      readonly target: string;
      /** The site whose jobs show that it has recovered; null: any. */
      readonly site?: string;
      /** Ends a fault that lasts. */
      readonly undo?: () => void;
    }
  /** It can not be done on this machine, or there was nothing to hit. */
  | { readonly outcome: 'skipped' | 'missed'; readonly target: string };

export type Injection = (world: World, fault: PlannedFault) => Promise<Injected>;

/** One of a list, by the fault's draw. */
export function picked<T>(list: readonly T[], pick: number): T | undefined {
  return list[Math.floor(pick * list.length)];
}
